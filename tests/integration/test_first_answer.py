"""`compare` says the exact part at once, an interval as soon as there is one, and what it has on Ctrl-C."""

import json
import signal
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from sebench.cli import app, compare
from sebench.cli._measuring import Announcer
from tests.pretended import steady_host

ASKED = "compare --baseline old.py:net --candidate new.py:net --image-size 8 --threads 1"
ARGUMENTS = f"{ASKED} --effort standard"
TITLE = "new.py:net against old.py:net"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``sebench ARGUMENTS`` on a machine whose times are chosen; Ctrl-C as soon as `when` holds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("old.py", "new.py"):
        (tmp_path / name).write_text("STEP_S = 0.1\n")

    def invoke(arguments=ARGUMENTS, when=lambda progress: False):
        @contextmanager
        def watched(*, quiet):
            announcer = Announcer()

            def observe(progress):
                announcer(progress)
                if when(progress):
                    signal.raise_signal(signal.SIGINT)

            yield observe

        monkeypatch.setattr(compare, "progress_bar", watched)
        return CliRunner().invoke(app, arguments.split(), obj=steady_host())

    return invoke


def latency(done):
    (comparison,) = json.loads(done.stdout)["comparisons"]
    (found,) = [metric for metric in comparison["metrics"] if metric["metric"] == "latency"]
    return comparison, found


def stored(tmp_path):
    return list((tmp_path / ".sebench" / "results").glob("*.json"))


def test_the_answer_is_refined_and_final_only_with_the_last_process(run):
    done = run()
    assert done.exit_code == 0, done.stderr
    lines = done.stderr.splitlines()
    # Pretended networks have one parameter each, and nothing else is counted of them.
    assert lines[:2] == ["exact: params +0.00 %", f"measuring {TITLE} (1 of 1)"]
    first = next(index for index, line in enumerate(lines) if line.startswith("after "))
    assert ", one process: " in lines[first]
    assert lines[first].endswith(", does not cover other processes")
    told = [line for line in lines[first + 1 :] if line.startswith("process ")]
    assert [line.partition(":")[0] for line in told] == [f"process {n} of 6" for n in range(1, 7)]
    assert all(", so far " in line for line in told[:-1])
    assert ", ratio " in told[-1]


def test_interrupted_before_the_first_block_it_shows_the_exact_part(run, tmp_path):
    done = run(when=lambda progress: progress.stage == "preparing")
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1] == "sebench: error: interrupted; what was counted until then is shown"
    assert f"Interrupted: {TITLE} on this CPU: latency is unavailable" in " ".join(done.stdout.split())
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("params ")]
    assert row.split()[1:6] == ["1", "1", "0", "1.0000", "exact"]
    assert stored(tmp_path) == []


def test_interrupted_while_it_waits_to_begin_it_shows_the_exact_part(run):
    done = run(f"{ARGUMENTS} --format json", when=lambda progress: progress.stage == "counted")
    assert done.exit_code == 130
    (comparison,) = json.loads(done.stdout)["comparisons"]
    assert comparison["findings"][0]["message"] == (
        "interrupted before the first block: only what is counted is known"
    )
    assert [metric["metric"] for metric in comparison["metrics"]][:2] == ["params", "macs"]


@pytest.mark.parametrize(("blocks", "has_interval"), [(3, False), (6, True)])
def test_interrupted_within_the_first_process_it_is_of_that_process(run, tmp_path, blocks, has_interval):
    done = run(f"{ARGUMENTS} --format json", when=lambda progress: progress.block == blocks)
    assert done.exit_code == 130
    kept = "what was measured until then is shown and stored in .sebench/results"
    assert done.stderr.splitlines()[-1] == f"sebench: error: interrupted; {kept}"
    comparison, found = latency(done)
    assert comparison["findings"][0]["message"] == (
        f"interrupted after {blocks} blocks in 1 of 6 processes: how many was not fixed beforehand, so the "
        "interval is an interim one"
    )
    ratio = found["ratio"]
    assert (ratio["scope"], ratio["processes"], ratio["blocks"]) == ("within-process", 1, blocks)
    assert (ratio["ci_low"] is not None) == has_interval
    assert found["grade"] == "C"
    assert len(stored(tmp_path)) == 1


def test_interrupted_in_the_second_process_it_says_so(run):
    done = run(when=lambda progress: (progress.process, progress.block) == (1, 2))
    assert done.exit_code == 130
    answer = " ".join(done.stdout.split())
    assert answer.startswith(f"{TITLE} Interrupted: ")
    assert "2 processes" in answer
    assert "grade C" in answer
    # The first two blocks of the second process do not replace the interval of the first one.
    assert ", 2 of 6 processes" not in done.stderr


def said_of_processes(done):
    (line,) = [line for line in done.stderr.splitlines() if "one process only" in line]
    return line


def test_every_standard_run_teaches_quick_ones(run):
    quick = f"{ASKED} --effort quick --format json"
    ignorant = run(quick)
    assert ignorant.exit_code == 0, ignorant.stderr
    assert "leaves out variation between processes (memory layout)" in said_of_processes(ignorant)
    assert "it also teaches later quick runs" in said_of_processes(ignorant)
    assert "over_processes" not in latency(ignorant)[1]
    for _ in range(2):
        assert run().exit_code == 0
    done = run(quick)
    found = latency(done)[1]
    over = found["over_processes"]
    assert (over["runs"], over["processes"], over["same_network"]) == (2, 12, True)
    # Pretended sides differ by up to 1 % each between processes, and blocks by next to nothing.
    assert 0.002 < over["sigma_process"] < 0.014
    assert over["ci_low"] < found["ratio"]["ci_low"] < found["ratio"]["ci_high"] < over["ci_high"]
    shown = f"[{over['ci_low']:.3f}, {over['ci_high']:.3f}]"
    assert (
        f"fresh processes of this network differ by a further {over['sigma_process'] * 100:.1f} % "
        f"(SD, from 2 runs, 12 processes); with that, the interval is {shown}"
    ) in said_of_processes(done)
    assert "one process only" not in run(f"{quick} --quiet").stderr
