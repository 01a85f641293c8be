"""Bounds of a machine are measured once per set-up; the worker's answers are set."""

import dataclasses
from functools import partial

import pytest
from filelock import FileLock
from msgspec.structs import replace

from sebench import models
from sebench.errors import BuildError, UsageError, WorkerError
from sebench.runner.measuring.device_lock import lock_file
from sebench.runner.planning.plan import make_plan
from sebench.runner.profiling import machine_key, run_profiles
from sebench.schema import (
    ATTENTION_KINDS,
    UNDIVIDED,
    Contrast,
    Machine,
    ModelSpec,
    PartSample,
    ProfileSamples,
    Workload,
    WorkloadRequest,
)
from sebench.store import MachineCache
from sebench.worker.protocol import Profiled
from tests import samples
from tests.attended import GATE_MACS, GATE_PARAMS, NETS
from tests.toy_attention import TOY

MACHINE = Machine(
    copy_bytes_per_s=1e9, matmul_flops_per_s=1e9, launch_s=1e-6, measured_at="2026-11-21T07:30:00+00:00"
)
SITES = models.build(models.resolve(ModelSpec(model="cifar_wrn16_8", variant="se")), device="meta").sites
RUNTIME = {"num_threads": 2, "device": {}}


def plan(variant="se", **conditions):
    return make_plan(
        names=["cifar_wrn16_8"], variants=[variant], baseline="plain", seed=1, effort="quick",
        workload=WorkloadRequest(phase="inference", image_size=8, **conditions),
    )  # fmt: skip


@pytest.fixture
def profiler():
    """Every machine that a worker was told, in order, and `run_profiles`.

    A worker that is told none measures `MACHINE`.
    """
    told = []

    def measure(session, plan, machine, command):
        told.append(machine)
        found = ProfileSamples(
            sites=SITES,
            parts=(PartSample(site=SITES[0], part="squeeze", phase="forward", times_s=(1e-3,)),),
            profiled_steps_s=(0.1,),
            steps_s=(0.1,),
            machine=machine or MACHINE,
            contrasts=(Contrast(name="plain", blocks=(samples.block(0.050, 0.055),) * 12),),
        )
        return Profiled(samples=found, runtime=RUNTIME)

    return told, partial(run_profiles, measure=measure)


def codes(profile):
    return [finding.code for finding in profile.findings]


def test_bounds_are_measured_once_and_it_is_said_that_they_were_kept(profiler, tmp_path):
    known, profile_all = profiler
    machines = MachineCache(tmp_path)
    (first,), environment = profile_all(plan(), samples.ENVIRONMENT, machines=machines)
    (second,), _ = profile_all(plan(), samples.ENVIRONMENT, machines=machines)
    assert known == [None, MACHINE]
    assert "bounds-kept" not in codes(first)
    assert codes(second)[-1] == "bounds-kept"
    assert "kept from 2026-11-21T07:30:00+00:00" in second.findings[-1].message
    assert environment.runtime == {"num_threads": 2}


def test_without_a_cache_they_are_measured_afresh(profiler, tmp_path):
    known, profile_all = profiler
    MachineCache(tmp_path).put(machine_key(plan().sessions[0].workload, samples.ENVIRONMENT), MACHINE)
    profile_all(plan(), samples.ENVIRONMENT, machines=None)
    assert known == [None]


def test_a_broken_entry_is_absent(profiler, tmp_path):
    known, profile_all = profiler
    machines = MachineCache(tmp_path)
    profile_all(plan(), samples.ENVIRONMENT, machines=machines)
    (entry,) = tmp_path.glob("*.json")
    entry.write_text('{"copy_bytes_per_s": "fast"}')
    profile_all(plan(), samples.ENVIRONMENT, machines=machines)
    assert known == [None, None]
    assert machines.get(machine_key(plan().sessions[0].workload, samples.ENVIRONMENT)) == MACHINE


def test_bounds_hold_for_one_set_up():
    load = Workload(input_shape=(1, 3, 8, 8), threads=2)
    key = machine_key(load, samples.ENVIRONMENT)
    assert machine_key(replace(load, batch_size=4, phase="training"), samples.ENVIRONMENT) == key
    others = [
        machine_key(replace(load, threads=1), samples.ENVIRONMENT),
        machine_key(replace(load, dtype="bfloat16"), samples.ENVIRONMENT),
        machine_key(load, replace(samples.ENVIRONMENT, cpu={"model": "Another CPU"})),
    ]
    assert len({key, *others}) == 4
    # its facts are known to the worker alone, and measuring takes a moment
    assert machine_key(replace(load, device="cuda:0"), samples.ENVIRONMENT) is None


def test_a_batch_beyond_memory_is_refused_before_a_worker_starts(profiler):
    known, profile_all = profiler
    little = replace(samples.ENVIRONMENT, memory={"available_bytes": 2**20})
    with pytest.raises(BuildError, match="choose a smaller --batch-size"):
        profile_all(plan(), little)
    assert known == []


def test_a_device_that_another_run_holds_is_waited_for(profiler):
    _, profile_all = profiler
    held = FileLock(lock_file("cpu"))
    held.acquire()
    events = []

    def end_the_other(holder):
        events.append("waiting")
        held.release()

    profile_all(
        plan(),
        samples.ENVIRONMENT,
        announce=lambda session: events.append("profiling"),
        announce_waiting=end_the_other,
    )
    assert events == ["waiting", "profiling"]


def test_autocast_is_counted_in_single_precision(profiler):
    _, profile_all = profiler
    (profile,), _ = profile_all(plan(dtype="amp-bfloat16"), samples.ENVIRONMENT)
    assert profile.parts[0].flops > 0
    assert profile.parts[0].bytes is None


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with the user's networks, in which the counts of a profile find them."""
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def plan_of(name, variant="asis"):
    return make_plan(
        names=[f"nets.py:{name}"], variants=[variant], baseline="plain", seed=1, effort="quick",
        workload=WorkloadRequest(phase="inference", image_size=16, threads=1),
    )  # fmt: skip


def answering(*sites, parts=("scale", "excite", "squeeze")):
    """What a worker says whose network has these sites: 1 ms for each part of each of them."""

    def measure(session, plan, machine, command):
        found = ProfileSamples(
            sites=sites,
            parts=tuple(
                PartSample(site=site, part=part, phase="forward", times_s=(1e-3,))
                for site in sites
                for part in parts
            ),
            profiled_steps_s=(0.1,),
            steps_s=(0.1,),
            machine=MACHINE,
            contrasts=(Contrast(name="plain", blocks=(samples.block(0.050, 0.055),) * 12),),
        )
        return Profiled(samples=found, runtime=RUNTIME)

    return measure


@pytest.mark.usefixtures("own")
def test_the_attention_of_a_network_of_others_is_taken_apart():
    (profile,), _ = run_profiles(plan_of("gated"), samples.ENVIRONMENT, measure=answering("gate"))
    assert [(row.stage, row.part, row.calls) for row in profile.parts] == [
        ("stride 1", "squeeze", 1), ("stride 1", "excite", 4), ("stride 1", "scale", 1),
    ]  # fmt: skip
    (site,) = profile.sites
    assert (site.site, site.params, site.macs) == ("gate", GATE_PARAMS, GATE_MACS)
    # 1 + 4 + 1 operations, 3 ms
    assert (site.calls, site.time_s) == (6, pytest.approx(3e-3))
    # 8 channels of 16 x 16 in single precision: read by the mean and by the product, and written by that,
    # with 8 values each; 8 read and 2 written and the other way round by the layers, which have 42 weights;
    # 2 and 8 values read and written by the functions between
    assert site.bytes == 4 * (3 * 8 * 256 + 8 + 8 + 10 + 10 + 42 + 2 * 2 + 2 * 8)
    assert profile.ablations == ()
    assert "captured" not in codes(profile)


@pytest.mark.usefixtures("own")
def test_in_a_captured_graph_sites_have_other_paths_and_keep_their_own():
    (profile,), _ = run_profiles(plan_of("inline"), samples.ENVIRONMENT, measure=answering("gate_2"))
    (site,) = profile.sites
    assert (site.site, site.params, site.macs, site.calls) == ("(network)", GATE_PARAMS, GATE_MACS, 6)
    assert codes(profile)[0] == "captured"


def test_attention_without_parts_is_one_part_of_each_site(monkeypatch):
    kind = dataclasses.replace(TOY, parts=(), inseparable={})
    monkeypatch.setitem(ATTENTION_KINDS, "toy", kind)
    measure = answering(*SITES, parts=(UNDIVIDED,))
    (profile,), _ = run_profiles(plan("toy"), samples.ENVIRONMENT, measure=measure)
    assert [(row.stage, row.part) for row in profile.parts] == [(stage, UNDIVIDED) for stage in "234"]
    # two sites in a stage, a millisecond each, with a weight and an offset per channel
    assert [row.time_s for row in profile.parts] == [pytest.approx(2e-3)] * 3
    assert [site.params for site in profile.sites] == [2 * 128] * 2 + [2 * 256] * 2 + [2 * 512] * 2
    # a mean, two products and a sum, a sigmoid
    assert {site.calls for site in profile.sites} == {5}


@pytest.mark.usefixtures("own")
def test_attention_that_ran_and_was_not_counted_is_an_error():
    told = "nets.py:gated: 2 attention sites in what ran, 1 in what was counted"
    with pytest.raises(WorkerError, match=told):
        run_profiles(plan_of("gated"), samples.ENVIRONMENT, measure=answering("gate", "other"))


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["plain", "mlp"])
def test_a_network_without_attention_is_refused_before_anything_runs(name, profiler):
    known, profile_all = profiler
    with pytest.raises(UsageError) as caught:
        profile_all(plan_of(name), samples.ENVIRONMENT)
    told = f"nets.py:{name} has no channel attention to take apart; put one in: --variant se"
    assert str(caught.value) == told
    assert known == []


@pytest.mark.parametrize(
    ("parts", "variant", "lacks", "offered"),
    [
        (TOY.parts, "toy(offset=false)", "gather, weigh and multiply", "toy"),
        (TOY.parts, "se(squeeze=none)", "squeeze, excite and scale", "se"),
    ],
)
def test_parts_that_cannot_be_told_apart_are_refused(parts, variant, lacks, offered, profiler, monkeypatch):
    known, profile_all = profiler
    kind = dataclasses.replace(TOY, parts=parts, inseparable={"offset": False})
    monkeypatch.setitem(ATTENTION_KINDS, "toy", kind)
    with pytest.raises(UsageError) as caught:
        profile_all(plan(variant), samples.ENVIRONMENT)
    assert str(caught.value) == f"--variant {variant} has no {lacks} to tell apart; use --variant {offered}"
    assert known == []
