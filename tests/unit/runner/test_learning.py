"""What stored results tell a run of one process about others."""

import math
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.runner.measuring import learning, result
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.learning import learnt_spread
from sebench.schema import Finding, ModelSpec, Pair, fingerprint
from sebench.store import ResultStore
from tests import samples
from tests.samples import ENVIRONMENT, WORKLOAD, block, process

SET_UP = fingerprint(ENVIRONMENT)
PAIR = samples.result(samples.measurement([])).pair
OTHER = Pair(baseline=ModelSpec(model="vgg16_bn"), candidate=ModelSpec(model="vgg16_bn", variant="se"))


def run(percents, *, spread=1.0):
    """Processes whose blocks are `spread` below and above these percents, as log-ratios."""
    return samples.measurement(
        [
            process([block(0.05, 0.05 * math.exp((p + sign * spread) / 100)) for sign in (-1, 1)], number)
            for number, p in enumerate(percents)
        ]
    )


@pytest.fixture
def store(tmp_path):
    """A store, and a function that adds a result to it."""
    kept, numbers = ResultStore(tmp_path), iter(range(1000))

    def add(measured, **fields):
        number = next(numbers)
        at = f"2026-01-02T03:{number // 60:02d}:{number % 60:02d}+00:00"
        kept.add(samples.result(measured, **{"id": f"r{number:03d}", "created_at": at, **fields}))

    return SimpleNamespace(kept=kept, add=add)


def learn(store, pair=PAIR, workload=WORKLOAD, set_up=SET_UP):
    return learnt_spread(store.kept, set_up, pair, workload)


STANDARD = run((1, 2, 3, 4, 5))
"""s_m^2 = 2.5, of which blocks explain 2 / 2 = 1 (1e-4)."""


def test_one_standard_run_teaches(store):
    assert learn(store) is None
    store.add(STANDARD)
    found = learn(store)
    assert (found.between, found.within) == (pytest.approx(2.5e-4), pytest.approx(1e-4))
    assert (found.degrees_between, found.degrees_within, found.runs, found.processes) == (4, 5, 1, 5)
    assert found.same_network


def test_runs_are_pooled(store):
    store.add(STANDARD)
    store.add(run((2, 4, 6, 8, 10)))  # s_m^2 = 10
    found = learn(store)
    assert found.between == pytest.approx(6.25e-4)
    assert (found.runs, found.processes, found.degrees_between) == (2, 10, 8)


def test_its_own_runs_come_before_those_of_other_networks(store):
    store.add(run((2, 4, 6, 8, 10)), pair=OTHER)
    found = learn(store)
    assert (found.between, found.same_network) == (pytest.approx(10e-4), False)
    # Another batch of the same network counts as another network.
    larger = replace(WORKLOAD, input_shape=(8, 3, 224, 224))
    assert not learn(store, OTHER, larger).same_network
    store.add(STANDARD)
    found = learn(store)
    assert (found.between, found.same_network) == (pytest.approx(2.5e-4), True)


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 1},
        {"phase": "training"},
        {"dtype": "bfloat16"},
        {"runtime": "compile"},
        {"device": "cuda"},
    ],
)
def test_other_set_ups_teach_nothing(store, change):
    store.add(STANDARD)
    assert learn(store, workload=replace(WORKLOAD, **change)) is None
    assert learn(store, set_up="another") is None


def test_what_teaches_nothing(store):
    store.add(run((1,)))  # quick
    store.add(run((1, 2, 3, 4)))  # too few processes
    cut = Finding(code="interrupted", severity="warning", message="interrupted")
    store.add(STANDARD, findings=(cut,))
    apart = Pair(
        baseline=replace(PAIR.baseline, commit="1" * 40), candidate=replace(PAIR.candidate, commit=None)
    )
    store.add(STANDARD, pair=apart)
    (store.kept.directory / "damaged.json").write_text("{")
    assert learn(store) is None
    assert learn(store, pair=apart) is None


def test_the_newest_runs_are_enough(store, monkeypatch):
    monkeypatch.setattr(learning, "MOST_RUNS", 2)
    store.add(run((10, 20, 30, 40, 50)))  # the oldest
    store.add(STANDARD)
    store.add(STANDARD)
    found = learn(store)
    assert (found.runs, found.between) == (2, pytest.approx(2.5e-4))


def test_a_folder_that_is_none_teaches_nothing(tmp_path):
    (tmp_path / "results").write_text("")
    assert learnt_spread(ResultStore(tmp_path / "results"), SET_UP, PAIR, WORKLOAD) is None


QUICK = samples.measurement(
    [process([block(0.05, 0.05 * math.exp(n / 100)) for n in (1, 2, 3, 4, 5, 6)])], effort="quick"
)


def noted(store, measured, **fields):
    context = RunContext(results=store.kept, **fields)
    return result._with_noise(measured, PAIR, ENVIRONMENT, context)


def latency(measured):
    return next(m for m in compare(samples.result(measured)).metrics if m.metric == "latency")


def test_a_quick_run_says_what_it_cannot_see(store):
    store.add(STANDARD)
    found = latency(noted(store, QUICK))
    over = found.over_processes
    # sqrt(2.5 - 1) = 1.2 %
    assert over.sigma_process == pytest.approx(math.sqrt(1.5e-4))
    assert over.ci_low < found.ratio.ci_low < found.ratio.ci_high < over.ci_high
    (said,) = [finding for finding in found.findings if finding.code == "within-process"]
    assert said.message == (
        "one process only: fresh processes of this network differ by a further 1.2 % (SD, from 1 run, "
        f"5 processes); with that, the interval is [{over.ci_low:.3f}, {over.ci_high:.3f}]"
    )
    assert said.hint == "use --effort standard for an interval over processes"
    # The headline is as it was: what these samples say without those of other runs.
    assert found.ratio == latency(QUICK).ratio


def test_where_nothing_is_known_it_says_how_to_learn():
    (said,) = [finding for finding in latency(QUICK).findings if finding.code == "within-process"]
    assert said.message == (
        "one process only: the interval leaves out variation between processes (memory layout)"
    )
    assert said.hint == (
        "use --effort standard for an interval over processes; it also teaches later quick runs how much "
        "that is"
    )


def test_what_noise_hides_is_said_to_be_hidden(store):
    store.add(run((1, 2, 3, 4, 5), spread=4.0), pair=OTHER)  # within 16 > 2.5
    (said,) = [f for f in latency(noted(store, QUICK)).findings if f.code == "within-process"]
    assert "processes of other networks on this set-up differ by no more than their blocks" in said.message


def test_several_processes_need_no_lesson_and_a_calibration_comes_first(store):
    store.add(STANDARD)
    assert noted(store, STANDARD).learnt_spread is None
    calibrated = replace(noted(store, QUICK), sigma_process=0.004)
    assert latency(calibrated).over_processes is None
    assert noted(store, replace(QUICK, sigma_process=0.004)).learnt_spread is None
