"""The library asks for the same plan as the command line; nothing is measured here."""

import subprocess

import pytest

import sebench
from sebench.api import comparing
from sebench.api.comparing import equivalent_command
from sebench.errors import Interrupted, UsageError
from sebench.runner.planning.plan import make_plan
from sebench.schema import WorkloadRequest
from sebench.store import ResultStore, load_result
from tests.interpreter import FRESH

PROGRESS = sebench.Progress(
    stage="preparing", title="resnet50: se against plain", session=0, sessions=1, process=0, processes=6,
    block=0, blocks=4,
)  # fmt: skip


@pytest.fixture
def asked(monkeypatch, comparison_result):
    """Stands in for the runner: records the plans, answers with a known result."""
    plans = []

    def run(plan, context=None, **options):
        plans.append((plan, context.argv))
        context.observer(PROGRESS)
        yield comparison_result().result

    monkeypatch.setattr(comparing, "run", run)
    return plans


def test_defaults(asked):
    result = sebench.compare("cifar_resnet110", device="cpu")
    ((plan, _),) = asked
    (session,) = plan.sessions
    assert session.pair.title == "cifar_resnet110: se against plain"
    assert (session.workload.device, session.workload.phase) == ("cpu", "inference")
    assert session.workload.input_shape == (1, 3, 32, 32)
    assert plan.policy.effort == "standard"
    assert result.overhead("latency") < 1.10


def test_every_option_reaches_the_plan_and_the_stored_command(asked):
    sebench.compare(
        "resnet50",
        variant="se(r=8)",
        baseline="se",
        phase="training",
        batch_size=2,
        image_size=(64, 96),
        dtype="bfloat16",
        memory_format="channels_last",
        threads=1,
        runtime="compile",
        optimizer="sgd",
        num_classes=10,
        stride_in="3x3",
        world_size=2,
        memory=False,
        effort="quick",
        budget_s=30,
        seed=5,
    )
    ((plan, command),) = asked
    assert " ".join(command) == (
        "sebench compare --model resnet50 --baseline se --variant se(r=8) --num-classes 10 --stride-in 3x3 "
        "--device cpu --phase training "
        "--batch-size 2 --image-size 64x96 --dtype bfloat16 --memory-format channels_last --threads 1 "
        "--runtime compile --optimizer sgd --world-size 2 --effort quick --budget 30 --seed 5 --no-memory"
    )
    assert (plan.policy.budget_s, plan.policy.hard_budget, plan.seed) == (30, True, 5)
    assert plan.sessions[0].workload.input_shape == (2, 3, 64, 96)


def test_energy_reaches_the_plan_and_the_stored_command(asked):
    sebench.compare("cifar_resnet110", energy=True, seed=1)
    ((plan, command),) = asked
    assert plan.energy
    assert command[-1] == "--energy"


@pytest.mark.parametrize(
    ("names", "baseline", "candidate", "words"),
    [
        ([], "a.py:old", "a.py:new", "--baseline a.py:old --candidate a.py:new"),
        (["resnet50"], "se", "a.py:new", "--model resnet50 --baseline se --candidate a.py:new"),
        (["resnet50"], "a.py:old", None, "--model resnet50 --baseline a.py:old --variant se"),
        (["resnet50"], "plain", None, "--model resnet50 --baseline plain --variant se"),
        ([], "a.py:old@eager", "b.py:new@compile", "--baseline a.py:old@eager --candidate b.py:new@compile"),
        ([], "a.py:old@eager", "a.py:old", "--model a.py:old --baseline asis@eager --candidate asis"),
        (
            *([], "resnet50@eager", "resnet50@compile"),
            "--model resnet50 --baseline plain@eager --candidate plain@compile",
        ),
    ],
)
def test_the_command_names_the_same_pair(names, baseline, candidate, words):
    plan = make_plan(
        names=names, variants=[], baseline=baseline, candidate=candidate, workload=WorkloadRequest(), seed=1
    )
    assert f"compare {words} --device cpu" in " ".join(equivalent_command(plan))


def test_progress_is_told_to_whoever_asks(asked):
    seen = []
    sebench.compare("resnet50", progress=seen.append)
    assert seen == [PROGRESS]
    assert (PROGRESS.completed, PROGRESS.left_s, PROGRESS.holder) == (0.0, None, None)


def test_what_the_callback_raises_ends_the_measurement(asked):
    def stop(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        sebench.compare("resnet50", progress=stop)


def test_saving(asked, tmp_path):
    result = sebench.compare("resnet50", save=str(tmp_path / "results"))
    (path,) = ResultStore(tmp_path / "results").paths()
    assert load_result(path) == result.result


def test_a_result_that_cannot_be_stored_is_returned_with_a_warning(monkeypatch, comparison_result, tmp_path):
    def run(plan, context=None, **options):
        (tmp_path / "results").write_text("")  # no folder can be made there any more
        yield comparison_result().result

    monkeypatch.setattr(comparing, "run", run)
    with pytest.warns(UserWarning, match="the result is not stored: cannot write .*results"):
        found = sebench.compare("resnet50", save=tmp_path / "results")
    assert found.overhead("latency") < 1.10


def test_ctrl_c_stores_what_there_is_and_is_pythons_own(monkeypatch, comparison_result, tmp_path):
    def run(plan, context=None, **options):
        yield comparison_result().result
        raise Interrupted("interrupted")

    monkeypatch.setattr(comparing, "run", run)
    with pytest.raises(KeyboardInterrupt):
        sebench.compare("resnet50", save=tmp_path)
    assert len(ResultStore(tmp_path).paths()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to compare; name at least one --model"),
        ({"model": "resnet5"}, "unknown model 'resnet5'"),
        ({"model": "resnet50", "phase": "trainig"}, "--phase 'trainig' is not a choice; did you mean"),
        ({"model": "resnet50", "dtype": "int8"}, "--dtype 'int8' is not a choice; choose from float32, tf32"),
        ({"model": "resnet50", "memory_format": "nhwc"}, "--memory-format 'nhwc' is not a choice"),
        ({"model": "resnet50", "effort": "fast"}, "no effort 'fast'; choose from quick, standard, rigorous"),
        ({"model": "resnet50", "variant": "se", "candidate": "a.py:b"}, "both say what to measure"),
        ({"model": lambda: None}, "a lambda has no name"),
    ],
)
def test_what_cannot_be_meant(asked, options, message):
    with pytest.raises(UsageError, match=message):
        sebench.compare(**options)
    assert asked == []


def test_a_file_that_measures_when_it_is_imported_does_not_start_itself_again(tmp_path, monkeypatch):
    (tmp_path / "eager.py").write_text(
        "import sebench\nfrom torch import nn\n"
        "def net():\n    return nn.Conv2d(3, 4, 3)\n"
        "sebench.count('eager.py:net')\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"eager.py:net measures when it is imported.*__main__"):
        sebench.count("eager.py:net")


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, sebench; before = set(sys.modules); sebench.compare; after = set(sys.modules)\n"
        "assert 'sebench.api' not in before and 'msgspec' not in before\n"
        "assert 'sebench.api' in after and 'torch' not in after and 'pandas' not in after\n"
        "try:\n    sebench.compar\nexcept AttributeError as error:\n    print(error)\n"
    )
    done = subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'sebench' has no attribute 'compar'\n"


def test_a_runtime_goes_by_its_former_name_too(asked):
    sebench.compare("resnet50", device="cpu", threads=1, execution="compile")
    ((plan, command),) = asked
    assert plan.sessions[0].workload.runtime == "compile"
    assert "--runtime compile" in " ".join(command)
