"""Gates for programs. Those of counts are run for real: nothing is timed for them."""

from pathlib import Path

import pytest

import sebench
from sebench.api import checking
from sebench.errors import DataFileError, Interrupted, UsageError
from sebench.schema import Gate

# cifar_resnet110 has 1,730,522 parameters and SE 14,238 more: a ratio of 1.0082.
MODEL, RATIO = "cifar_resnet110", 1.0082


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Without a configuration."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("limit", "status"), [(1.01, "passed"), (1.005, "failed")])
def test_a_ceiling_of_counts(limit, status):
    found = sebench.check(MODEL, max_overhead={"params": limit})
    assert (found.status, found.passed) == (status, status == "passed")
    (check,) = found.checks
    assert (check.metric, check.exact, check.limit) == ("params", True, limit)
    assert round(check.ratio.estimate, 4) == RATIO
    assert repr(found) == f"GateResult({status}, {MODEL} se params {status})"


def test_several_networks_variants_and_limits():
    found = sebench.check(
        [MODEL, "cifar_resnet164"], variant=["se", "se(r=8)"], max_overhead={"params": 1.5, "macs": 1.5}
    )
    assert len(found.checks) == 2 * 2 * 2
    assert found.passed


def test_without_arguments_the_configuration_says(folder):
    (folder / "sebench.toml").write_text(
        f"[[check.ceiling]]\nmodel = '{MODEL}'\nmax-overhead = {{ params = 1.005 }}\n"
    )
    assert sebench.check().status == "failed"


def test_nothing_to_compare_is_no_success():
    found = sebench.check()
    assert (found.status, found.passed, found.checks) == ("not_comparable", False, ())


def test_shown_as_the_command_line_prints_it():
    found = sebench.check(MODEL, max_overhead={"params": 1.01})
    assert f"{MODEL} se params" in str(found)
    assert f"| {MODEL} se params |" in found._repr_markdown_()


def test_the_checks_are_a_frame():
    frame = sebench.check(MODEL, max_overhead={"params": 1.005, "macs": 1.5}).to_frame()
    assert list(frame["metric"]) == ["params", "macs"]
    assert list(frame["status"]) == ["failed", "passed"]
    assert frame["ratio"].round(4).iloc[0] == RATIO
    assert frame["before"].iloc[0] == 1_730_522


@pytest.mark.parametrize(("on_inconclusive", "passed"), [("pass", True), ("fail", False)])
def test_inconclusive_passes_where_that_was_asked_for(on_inconclusive, passed):
    gate = Gate(status="inconclusive", checks=(), on_inconclusive=on_inconclusive)
    assert checking.GateResult(gate).passed is passed


@pytest.fixture
def asked(monkeypatch):
    """Stands in for the runner: records what it is asked."""
    seen = {}

    def run_gate(configuration, context, **options):
        seen.update(options, configuration=configuration, context=context)
        return Gate(status="passed", checks=())

    monkeypatch.setattr(checking, "run_gate", run_gate)
    return seen


def test_every_argument_reaches_the_gate(asked, folder):
    sebench.check(
        MODEL,
        variant="se(r=8)",
        baseline="se",
        max_overhead={"latency": 1.05},
        lock=Path("own.json"),
        device="cpu",
        phase="training",
        batch_size=2,
        image_size=(64, 96),
        dtype="bfloat16",
        memory_format="channels_last",
        threads=1,
        runtime="compile",
        optimizer="sgd",
        world_size=2,
        effort="quick",
        budget_s=30,
        seed=5,
        on_inconclusive="pass",
        attempts=Path("attempts"),
        calibrations=Path("calibrations"),
    )
    settings = asked["configuration"].check
    (ceiling,) = settings.ceiling
    assert (settings.effort, settings.budget, settings.on_inconclusive) == ("quick", 30, "pass")
    assert (ceiling.model, ceiling.variant, ceiling.baseline) == (MODEL, "se(r=8)", "se")
    assert (ceiling.max_overhead, ceiling.image_size) == ({"latency": 1.05}, "64x96")
    assert (asked["lock_file"], asked["seed"]) == (Path("own.json"), 5)
    assert asked["written"] == (Path("attempts"), Path("calibrations"))
    assert " ".join(asked["context"].argv) == (
        f"sebench check --model {MODEL} --variant se(r=8) --max-overhead latency:1.05 --baseline se "
        "--device cpu --phase training --batch-size 2 --image-size 64x96 --dtype bfloat16 "
        "--memory-format channels_last --threads 1 --runtime compile --optimizer sgd --world-size 2"
    )


def test_against_stored_results(asked):
    sebench.check(against=["a.json", Path("b.json")], margin={"latency": 1.05})
    assert [each.result for each in asked["configuration"].check.stored] == ["a.json", "b.json"]
    sebench.check(against="a.json", margin={"latency": 1.05})
    assert [each.result for each in asked["configuration"].check.stored] == ["a.json"]


def test_attempts_can_be_left_out(asked):
    sebench.check(MODEL, max_overhead={"latency": 1.05}, attempts=None)
    assert (asked["attempts"], asked["written"]) == (None, (Path(".sebench/calibrations"),))


def test_samples_that_cannot_be_kept_are_a_warning(monkeypatch):
    def run_gate(configuration, context, **options):
        options["not_stored"](DataFileError("cannot write attempts"))
        return Gate(status="passed", checks=())

    monkeypatch.setattr(checking, "run_gate", run_gate)
    with pytest.warns(UserWarning, match="the samples are not stored: cannot write attempts"):
        sebench.check(MODEL, max_overhead={"latency": 1.05})


def test_ctrl_c_is_pythons_own(monkeypatch):
    def run_gate(configuration, context, **options):
        raise Interrupted("interrupted")

    monkeypatch.setattr(checking, "run_gate", run_gate)
    with pytest.raises(KeyboardInterrupt):
        sebench.check(MODEL, max_overhead={"latency": 1.05})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": MODEL}, "nothing to check: there is no limit"),
        ({"max_overhead": {"params": 1.1}}, "needs a network"),
        ({"model": MODEL, "max_overhead": {"parms": 1.1}}, "'?parms'?.*did you mean '?params"),
        ({"model": MODEL, "max_overhead": {"params": 0}}, "params"),
        ({"model": lambda: None, "max_overhead": {"params": 1.1}}, "a lambda has no name"),
        ({"threads": 1}, "--threads needs a --model"),
    ],
)
def test_what_cannot_be_meant(arguments, message):
    with pytest.raises(UsageError, match=message):
        sebench.check(**arguments)
