"""From a plan that asks for energy to its metrics, on a GPU whose joules are set."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.errors import DeviceError, UsageError
from sebench.reporting import comparison_document, render
from sebench.runner.measuring.context import Host, RunContext
from sebench.runner.measuring.resources import measure_energy, require_counters
from sebench.runner.measuring.run import run as run_plan
from sebench.runner.planning.plan import make_plan
from sebench.runner.planning.workloads import workloads
from sebench.schema import ModelSpec, Pair, Session, StaticCost, TimingPolicy, WorkloadRequest
from sebench.worker.protocol import CounterFound
from tests import samples

WORKER = Path(__file__).parents[1] / "workers" / "fake_gpu.py"
PAIR = Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se"))
COST = StaticCost(input_shape=(1, 3, 2, 2), params=1, buffers=0)


def plan(*devices, **policy):
    policy = TimingPolicy(**{"processes": 1, "min_blocks": 6, "budget_s": 10.0, "timeout_s": 600.0, **policy})
    sessions = tuple(
        Session(pair=PAIR, workload=workload)
        for device in devices or ("cuda:0",)
        for workload in workloads(
            WorkloadRequest(
                device=device, phase="training" if device != "cpu" else "inference", batch_size=8
            ),
            (3, 2, 2),
        )
    )
    return samples.plan(*sessions, policy=policy, seed=5, energy=True)


def command(condition):
    return (sys.executable, str(WORKER), condition)


@pytest.fixture
def measured():
    def run(condition, seen=None, **policy):
        observer = seen.append if seen is not None else lambda progress: None
        host = Host(command=command(condition), open_counter=samples.SameCounts(COST).open)
        (result,) = run_plan(plan(**policy), RunContext(host=host, observer=observer))
        return result, {metric.metric: metric for metric in compare(result).metrics}

    return run


def test_twice_the_work_is_twice_the_energy(measured):
    seen = []
    result, found = measured("calm", seen)
    (energy,) = result.energy
    assert (energy.counter, energy.zones, energy.workload.device) == ("nvml", ("board",), "cuda:0")
    (run,) = energy.processes
    assert run.error is None
    assert run.idle_w == pytest.approx(30.0, rel=0.01)
    assert run.other_cpu_ratio is None  # the board is this process's own
    assert len(run.blocks) == 6
    assert all(w.duration_s >= 5.0 for block in run.blocks for w in block.windows)
    # 20 J and 40 J per step of 8 images
    assert found["energy"].baseline.value == pytest.approx(20.0, rel=1e-3)
    assert found["energy"].candidate.value == pytest.approx(40.0, rel=1e-3)
    assert found["energy"].ratio.estimate == pytest.approx(2.0, rel=1e-3)
    assert found["energy"].ratio.ci_low is not None
    assert found["energy_per_image"].candidate.value == pytest.approx(5.0, rel=1e-3)
    # 30 W for 0.1 s and 0.11 s, drifting by up to 5 %
    assert found["net_energy"].baseline.value == pytest.approx(17.0, rel=0.02)
    assert found["net_energy"].candidate.value == pytest.approx(36.7, rel=0.02)
    assert [progress.stage for progress in seen][-1] == "energy"
    shown = render(comparison_document([compare(result)]), "markdown")
    assert "| energy (J) |" in shown
    assert "| energy per image (J) |" in shown
    assert "median and quartiles of 12 windows a side" in shown
    assert "energy is that of the whole board, read from NVML (board); 30.0 W when idle" in shown


@pytest.mark.slow
def test_rigorous_takes_five_processes(measured):
    result, found = measured("calm", effort="rigorous")
    assert [len(run.blocks) for run in result.energy[0].processes] == [3] * 5
    assert found["energy"].ratio.scope == "process"


def test_a_gate_takes_as_many_at_any_effort():
    asked = replace(plan(), repeat_energy=True)
    found = measure_energy(
        asked.sessions[0], asked, CounterFound(counter="nvml", zones=("board",)), command=command("calm")
    )
    assert [len(run.blocks) for run in found.processes] == [3] * 5


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("mig", r"no energy of this GPU: it is split \(MIG\), but its counter covers the whole board"),
        ("denied", "the GPU's energy counter cannot be read: Insufficient Permissions"),
        ("old", "the GPU's energy counter cannot be read: Not Supported"),
        ("shared", "shared: 1 other process on cuda:0"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_measured(measured, condition, reason):
    seen = []
    with pytest.raises(DeviceError, match=f"^--energy: {reason}.*; measure"):
        measured(condition, seen)
    assert seen == []


@pytest.mark.parametrize(
    ("condition", "reason", "blocks"),
    [
        ("stuck", "the energy counter did not move in 5", 0),
        ("lost", "the GPU's energy counter cannot be read: GPU is lost", 1),
        ("joined", "shared: 1 other process on cuda:0", 4),
    ],
)
def test_what_fails_on_the_way_leaves_the_times_and_the_reason(measured, condition, reason, blocks):
    result, found = measured(condition)
    assert found["latency"].status == "ok"
    assert (found["energy"].status, found["energy"].baseline.value) == ("unavailable", None)
    assert found["energy"].reason.startswith(reason)
    assert "net_energy" not in found
    assert len(result.energy[0].processes[0].blocks) == blocks


def test_a_worker_that_dies_is_a_reason():
    dead = (sys.executable, "-c", "import sys; sys.exit('no')")
    with pytest.raises(Exception, match="ended with status 1: no"):
        require_counters(plan(), dead)


def test_with_an_accelerator_only_its_own_energy_is_asked_for():
    assert list(require_counters(plan("cpu", "cuda:0"), command("calm"))) == ["cuda:0"]
    assert list(require_counters(plan("cpu"), command("calm"))) == ["cpu"]
    quiet = samples.plan(*plan().sessions, policy=plan().policy, seed=1)
    assert require_counters(quiet, ("no", "such", "command")) == {}


def test_one_counter_cannot_speak_for_several_devices(monkeypatch):
    from sebench.runner.planning import plan as planning

    real = planning.workloads

    monkeypatch.setattr(
        planning, "workloads", lambda *args: tuple(replace(w, world_size=2) for w in real(*args))
    )
    with pytest.raises(
        UsageError, match="--energy reads the energy counter of one device; leave out --world-size"
    ):
        make_plan(
            names=["resnet50"],
            variants=["se"],
            baseline="plain",
            workload=WorkloadRequest(),
            seed=1,
            energy=True,
        )
