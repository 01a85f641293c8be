"""``sebench sweep`` through the real command line, on pretended times (tests/workers/steady.py)."""

import csv
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sebench
from sebench.api import sweeping
from sebench.cli import app
from sebench.configuration.sweep import load_sweep
from sebench.errors import UsageError
from sebench.runner.measuring.context import RunContext
from sebench.runner.sweeping.expansion import expand
from sebench.store import ResultStore
from sebench.store.sweeps import SweepBook
from tests import samples
from tests.interpreter import FRESH
from tests.pretended import steady_host
from tests.running import children_of, heeding_ctrl_c

ROOT = Path(__file__).parents[2]
NETWORKS = "from torch import nn\n\n\ndef one():\n    return nn.Conv2d(3, 4, 1)\n\n\ndef two():\n    pass\n"
FILE = """
[axes]
model = "nets.py:one"
variant = "se"
device = "cpu"
threads = 1
batch-size = [1, 2]
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORKS)
    Path("s.toml").write_text(FILE)


def counted_host():
    """Steady workers, and networks that need no process to be counted."""
    counts = samples.SameCounts(samples.cost(100, 1000))
    return replace(steady_host(), open_counter=counts.open)


def sweep(*arguments, code=0, host=None):
    done = CliRunner().invoke(app, ["sweep", *arguments], obj=host or counted_host())
    assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
    return done


def measured(*arguments, **options):
    """Cases of its JSON."""
    document = json.loads(sweep(*arguments, "--format", "json", **options).stdout)
    assert document["kind"] == "sweep"
    return document["cases"]


def book(name="s"):
    return SweepBook(Path(".sebench/results"), name)


def result_ids():
    return [path.stem for path in ResultStore(Path(".sebench/results")).paths()]


def test_a_file_is_measured_case_by_case():
    done = sweep("s.toml", "--format", "json", host=steady_host())
    cases = json.loads(done.stdout)["cases"]
    assert [case["status"] for case in cases] == ["done", "done"]
    assert sorted(case["result"] for case in cases) == result_ids()
    assert "sweep s: 2 cases to measure, about 24 s" in done.stderr
    assert "measuring nets.py:one: se against plain, batch 1 (1 of 2)" in done.stderr
    assert "measuring nets.py:one: se against plain, batch 2 (2 of 2)" in done.stderr


def test_repeated_options_are_a_sweep():
    networks = ("-m", "nets.py:one", "-m", "nets.py:two", "-v", "se", "-v", "eca")
    cases = measured(*networks, "-b", "1", "-b", "2", "--threads", "1", "--device", "cpu", "--dry-run")
    assert [(case["model"][-3:], case["candidate"]) for case in cases] == [
        ("one", "se"), ("one", "se"), ("one", "eca"), ("one", "eca"),
        ("two", "se"), ("two", "se"), ("two", "eca"), ("two", "eca"),
    ]  # fmt: skip
    assert [case["workload"]["batch_size"] for case in cases] == [1, 2] * 4


def test_options_replace_an_axis_of_the_file():
    cases = measured("s.toml", "-b", "4", "--threads", "2", "--dry-run")
    assert [case["workload"]["batch_size"] for case in cases] == [4]
    assert [case["workload"]["threads"] for case in cases] == [2]


def test_a_dry_run_shows_cases_and_time_and_does_nothing():
    shown = sweep("s.toml", "--timeout", "600", "--budget", "5", "--dry-run").stdout
    assert "2 cases to measure, about 10 s" in shown
    assert [line.split()[1:3] for line in shown.splitlines() if "nets.py:one" in line] == [
        ["nets.py:one", "se"],
        ["nets.py:one", "se"],
    ]
    assert not Path(".sebench").exists()


def test_a_dry_run_knows_what_was_measured_and_what_cannot_be():
    sweep("s.toml", "-b", "1", "--quiet")
    axes = ("--runtime", "eager", "--runtime", "openvino", "--phase", "training", "-b", "1")
    cases = measured("s.toml", "--dry-run")
    assert [case["status"] for case in cases] == ["done", "pending"]
    cases = measured("s.toml", *axes, "--dry-run")
    assert [case["status"] for case in cases] == ["pending", "skipped"]
    assert cases[1]["reason"].startswith("--runtime openvino cannot convert a step of --phase training")


def test_what_cannot_be_meant_is_skipped_and_told_and_the_rest_goes_on():
    done = sweep("s.toml", "-b", "1", "-v", "se", "-v", "se(position=3x3)", "--format", "json")
    cases = json.loads(done.stdout)["cases"]
    assert [case["status"] for case in cases] == ["done", "skipped"]
    assert "skipped: nets.py:one se(position=3x3) --device cpu --batch-size 1 --threads 1: " in done.stderr
    sweep("s.toml", "-v", "se(position=3x3)", "--name", "none", code=4)


def test_a_case_that_fails_is_recorded_and_tried_again():
    dying = replace(counted_host(), command=(FRESH, "-c", "raise SystemExit(3)"))
    cases = measured("s.toml", "--timeout", "60", code=1, host=dying)
    assert [case["status"] for case in cases] == ["failed", "failed"]
    assert "ended with status 3" in cases[0]["reason"]
    quiet = sweep("s.toml", "-b", "1", "--timeout", "60", "--name", "other", "--quiet", code=1, host=dying)
    assert re.fullmatch(
        r"sebench: error: nets.py:one se --device cpu --batch-size 1 --threads 1: .* status 3\n", quiet.stderr
    )
    done = sweep("s.toml", "--resume")
    assert "sweep s: 2 cases to measure, about 24 s; 2 that failed tried again" in done.stderr
    assert [outcome.status for outcome in book().read().outcomes] == ["done", "done"]


def test_resume_measures_what_is_new_in_an_edited_file_alone():
    first = measured("s.toml")
    Path("s.toml").write_text(FILE.replace("[1, 2]", "[2, 3]"))
    done = sweep("s.toml", "--resume", "--format", "json")
    second = json.loads(done.stdout)["cases"]
    assert "sweep s: 1 case to measure, about" in done.stderr
    assert "1 finished before" in done.stderr
    assert second[0]["result"] == first[1]["result"]
    assert len(result_ids()) == 3
    assert [case["result"] for case in measured("s.toml", "--resume")] == [case["result"] for case in second]


def test_an_unfinished_sweep_is_not_begun_anew_unasked():
    held = book()
    with held.held():
        held.begin(expand(load_sweep(Path("s.toml")), seed=1).cases)
        done = sweep("s.toml", code=1)
        assert done.stderr == (
            "sebench: error: sweep 's' is running already in another process; wait for its end, or give this "
            "one another --name\n"
        )
    done = sweep("s.toml", code=1)
    assert done.stderr == (
        "sebench: error: sweep 's' was begun and has 2 of its cases left; go on with --resume, or begin anew "
        "with --restart\n"
    )
    sweep("s.toml", "--restart", "--quiet")
    first = book().read()
    sweep("s.toml", "--quiet")  # finished: a new run
    assert {one.result for one in first.outcomes}.isdisjoint(two.result for two in book().read().outcomes)
    assert len(result_ids()) == 4


def test_shards_share_a_directory_and_have_every_case_once():
    for index in ("1", "2", "3"):
        sweep("s.toml", "-b", "1", "-b", "2", "-b", "3", "-b", "4", "--shard", f"{index}/3", "--quiet")
    parts = [book(f"s.{index}-of-3").read().cases for index in (1, 2, 3)]
    assert [len(part) for part in parts] == [2, 1, 1]
    assert len({case.id for part in parts for case in part}) == 4
    assert len(result_ids()) == 4


def test_a_part_may_be_empty():
    assert "0 cases" in sweep("s.toml", "--shard", "3/3").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-m", "resnt50"], 2, "--model: unknown model 'resnt50'; did you mean 'resnet50'"),
        (["-m", "alexnet", "--threads", "0"], 2, "--threads: 0 is below 1"),
        (["-m", "alexnet", "--timeout", "0"], 2, "--timeout: 0 is not above 0"),
        (["-m", "alexnet", "--timeout", "-1"], 2, "--timeout: -1 is not above 0"),
        (["-m", "alexnet", "--shard", "3/2"], 2, "--shard '3/2' is no part; write I/N with I from 1 to N"),
        (["-m", "alexnet", "--shard", "2"], 2, "--shard '2' is no part"),
        (["-m", "alexnet", "--resume", "--restart"], 2, "--resume and --restart cannot be combined"),
        (["-m", "alexnet", "--name", ""], 2, "'' is not a name of a sweep; use letters"),
        (["-m", "alexnet", "--name", "../x"], 2, "'../x' is not a name of a sweep; use letters"),
        ([], 2, "the matrix has no model; name one: -m resnet50, or model = [...] in [axes]"),
        (["gone.toml"], 1, "cannot read gone.toml: No such file or directory"),
        (["resnet50"], 2, "resnet50 is no sweep file; did you mean -m resnet50?"),
        (["-m", "alexnet", "--dtype", "float23"], 2, "'float23' is not one of"),
    ],
)
def test_bad_input_is_one_line(arguments, code, said):
    done = sweep(*arguments, "--dry-run", code=code)
    assert said in done.stderr
    assert done.stderr.startswith("sebench: error: ")
    assert (done.stderr.count("\n"), done.stdout) == (1, "")


@pytest.mark.parametrize("option", ["-b 1 -b 8", "--threads 1 --threads 2", "--baseline se --baseline eca"])
def test_compare_names_sweep_where_an_option_of_one_value_is_given_twice(option):
    done = CliRunner().invoke(app, ["compare", "-m", "resnet50", *option.split()])
    assert done.exit_code == 2
    assert done.stderr.endswith("is given 2 times but takes one value; use `sebench sweep` to measure each\n")


@pytest.mark.slow
def test_the_example_is_a_sweep():
    example = str(ROOT / "examples" / "sweep.toml")
    cases = measured(example, "--dry-run")
    # 3 networks x 2 batches x 2 threads - 1 excluded + 1 included
    assert len(cases) == 12
    assert [case["timeout_s"] for case in cases] == [300.0] * 12
    assert [case["status"] for case in measured(example)] == ["done"] * 12


PRINTED = [
    line.partition("#")[0].split()[2:]
    for page in ("README.md", "docs/sweeps.md")
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines()
    if line.startswith(("sebench sweep -m", "sebench sweep examples/"))
]


@pytest.mark.parametrize("arguments", PRINTED, ids=" ".join)
def test_the_commands_in_the_documentation_are_understood(arguments, monkeypatch):
    monkeypatch.chdir(ROOT)
    asked = [word for word in arguments if word != "--dry-run"]
    assert {case["status"] for case in measured(*asked, "--dry-run")} == {"pending"}


def test_the_file_in_the_documentation_is_understood():
    text = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    Path("s.toml").write_text(text.partition("```toml\n")[2].partition("```")[0].replace(":net", ":one"))
    # 2 networks x 3 variants x 2 batches - 3 excluded + 1 included
    assert len(measured("s.toml", "--dry-run")) == 10


# --- output ---------------------------------------------------------------------------------------------


def test_a_table_on_the_screen_and_files_beside_the_book():
    done = sweep("s.toml")
    assert "2 cases: 2 done" in done.stdout
    assert "written to .sebench/results/sweeps/s: cases.csv, by-batch-size.svg" in done.stderr
    rows = list(csv.DictReader(Path(".sebench/results/sweeps/s/cases.csv").read_text().splitlines()))
    assert {(row["case_status"], row["batch_size"]) for row in rows if row["metric"] == "latency"} == {
        ("done", "1"),
        ("done", "2"),
    }
    assert "<svg " in Path(".sebench/results/sweeps/s/by-batch-size.svg").read_text()
    Path("s.toml").write_text(FILE.replace("[1, 2]", "1"))
    sweep("s.toml", "--resume")
    assert sorted(path.name for path in Path(".sebench/results/sweeps/s").iterdir()) == [
        ".lock",
        "cases.csv",
        "outcomes",
        "sweep.json",
    ]


def test_csv_is_what_is_written_beside_the_book():
    shown = sweep("s.toml", "--format", "csv", "--quiet")
    assert shown.stdout == Path(".sebench/results/sweeps/s/cases.csv").read_text()
    assert shown.stderr == ""


def test_from_python(monkeypatch):
    monkeypatch.setattr(sweeping, "RunContext", partial(RunContext, host=steady_host()))
    axes = {"model": "nets.py:one", "variant": ["se", "eca"], "batch_size": 1, "device": "cpu", "threads": 1}
    result = sebench.sweep(axes=axes, name="python", seed=1, save="kept")
    assert Path("kept/sweeps/python/sweep.json").is_file()
    assert [(row.case.variant, row.status) for row in result.rows] == [("se", "done"), ("eca", "done")]
    assert repr(result) == "SweepResult('python', 2 done)"
    frame = result.to_frame()
    assert list(frame[frame["metric"] == "latency"]["candidate_variant"]) == ["se", "eca"]
    again = sebench.sweep("s.toml", axes={"batch_size": [2]}, timeout_s=60.0)
    assert [(row.case.request.batch_size, row.case.timeout_s) for row in again.rows] == [(2, 60.0)]
    with pytest.raises(UsageError, match="there is no axis 'batchsize'; did you mean 'batch_size'?"):
        sebench.sweep(axes={"batchsize": 1})
    with pytest.raises(UsageError, match="threads: 0 is below 1"):
        sebench.sweep(axes={"model": "nets.py:one", "threads": 0})
    with pytest.raises(UsageError, match="'' is not a name of a sweep"):
        sebench.sweep(axes=axes, name="")
    with pytest.raises(UsageError, match="--resume and --restart cannot be combined; leave one of them out"):
        sebench.sweep(axes=axes, resume=True, restart=True)


# --- interruptions --------------------------------------------------------------------------------------


def start(*arguments):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [FRESH, "-m", "tests.pretended", "sweep", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - no threads here
    )


def wait_for(condition, within_s=60.0):
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on():
    batches = [word for batch in range(1, 31) for word in ("-b", str(batch))]
    process = start("s.toml", *batches)
    wait_for(lambda: len(result_ids()) >= 1)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    kept = sum(outcome.status == "done" for outcome in book().read().outcomes)
    assert 1 <= kept < 30
    last = f"sebench: error: interrupted; {kept} of 30 cases kept; go on with the same command and --resume"
    assert error.splitlines()[-1] == last
    assert children_of(process.pid) == []
    assert len(result_ids()) == kept
