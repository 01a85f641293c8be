"""Energy as metrics; every window is chosen."""

import pytest

from sebench.analysis.comparison import compare
from sebench.analysis.energy import energy_metrics
from sebench.schema import EnergyBlock, EnergyMeasurement, EnergyRun, EnergyWindow, Workload
from tests import samples

WORKLOAD = Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224))


def block(baseline_joules=50.0, candidate_joules=100.0, order="ABBA"):
    """Windows of 10 steps and 5 s."""
    sides = {"A": ("baseline", baseline_joules), "B": ("candidate", candidate_joules)}
    windows = (
        EnergyWindow(side=side, steps=10, duration_s=5.0, energy_joules=joules)
        for side, joules in (sides[letter] for letter in order)
    )
    return EnergyBlock(order=order, windows=tuple(windows))


def measurement(*runs, **fields):
    values = {"counter": "rapl", "zones": ("package-0", "dram"), **fields}
    return EnergyMeasurement(workload=WORKLOAD, processes=runs, **values)


def metrics(*runs, **fields):
    return {metric.metric: metric for metric in energy_metrics(measurement(*runs, **fields))}


def run(process=0, blocks=6, idle_w=4.0, **fields):
    return EnergyRun(process=process, idle_w=idle_w, blocks=(block(),) * blocks, **fields)


def test_gross_per_step_per_image_and_net_of_idle():
    found = metrics(run())
    assert list(found) == ["energy", "energy_per_image", "net_energy"]
    energy = found["energy"]
    # 50 J / 10 steps, 100 J / 10 steps
    assert (energy.baseline.value, energy.candidate.value, energy.unit) == (5.0, 10.0, "J")
    assert (energy.difference.estimate, energy.baseline.n, energy.exact) == (5.0, 12, False)
    assert energy.ratio.estimate == pytest.approx(2.0)
    assert (energy.ratio.scope, energy.ratio.processes, energy.ratio.blocks) == ("within-process", 1, 6)
    assert energy.ratio.ci_low == pytest.approx(2.0)
    assert energy.grade == "B"
    # of 8 images
    assert found["energy_per_image"].baseline.value == 0.625
    assert found["energy_per_image"].ratio.estimate == pytest.approx(2.0)
    # 50 - 4 W * 5 s = 30 J, 100 - 20 = 80 J, over 10 steps
    assert (found["net_energy"].baseline.value, found["net_energy"].candidate.value) == (3.0, 8.0)
    assert found["net_energy"].ratio.estimate == pytest.approx(8 / 3)


def test_the_counter_is_named():
    (finding,) = metrics(run())["energy"].findings
    assert (finding.code, finding.severity) == ("energy-counter", "info")
    assert finding.message == (
        "energy is that of the CPU of the whole machine, read from RAPL (package-0, dram); 4.0 W when idle"
    )
    (finding,) = metrics(run(), counter="nvml", zones=("board",))["energy"].findings
    assert finding.message == "energy is that of the whole board, read from NVML (board); 4.0 W when idle"


def test_five_processes_speak_for_fresh_ones():
    energy = metrics(*(run(process, blocks=3) for process in range(5)))["energy"]
    assert (energy.ratio.scope, energy.grade, energy.ratio.blocks) == ("process", "A", 15)


def test_too_few_blocks_have_no_interval_and_say_so():
    energy = metrics(run(blocks=4))["energy"]
    assert (energy.ratio.estimate, energy.ratio.ci_low, energy.grade) == (pytest.approx(2.0), None, "C")
    assert energy.reason == "a 95 % interval needs 6 valid blocks, there are 4"


def test_what_the_rest_of_the_machine_did_costs_the_grade():
    found = metrics(run(other_cpu_ratio=0.3))["energy"]
    assert found.grade == "C"
    assert [f.code for f in found.findings] == ["energy-counter", "energy-shared"]
    assert found.findings[1].message.startswith("other processes used 30 % of this one's CPU time")
    assert metrics(run(other_cpu_ratio=0.01))["energy"].grade == "B"


@pytest.mark.parametrize("idle_w", [None, 10.0])  # 10 W * 5 s are all of the baseline's 50 J
def test_without_more_than_idle_power_there_is_no_net(idle_w):
    found = metrics(run(idle_w=idle_w))
    assert list(found) == ["energy", "energy_per_image"]
    assert "energy-near-idle" in [f.code for f in found["energy"].findings]


@pytest.mark.parametrize(
    ("runs", "fields", "reason"),
    [
        ((), {"reason": "the step could not be timed"}, "the step could not be timed"),
        ((), {}, "nothing was measured"),
        ((run(error="shared: 1 other process"),), {}, "shared: 1 other process"),
        (
            (EnergyRun(process=0, blocks=(block(baseline_joules=0.0),)),),
            {},
            "the energy counter did not move",
        ),
    ],
)
def test_what_cannot_be_had_is_unavailable_with_the_reason_never_zero(runs, fields, reason):
    (energy,) = metrics(*runs, **fields).values()
    assert (energy.status, energy.reason, energy.unit) == ("unavailable", reason, "J")
    assert (energy.baseline.value, energy.candidate.value, energy.ratio.estimate) == (None, None, None)


def test_it_is_part_of_the_comparison():
    timed = samples.measurement([samples.process([samples.block(0.05, 0.055)] * 12)])
    found = compare(samples.result(timed, energy=(measurement(run()),)))
    assert [m.metric for m in found.metrics[-3:]] == ["energy", "energy_per_image", "net_energy"]
