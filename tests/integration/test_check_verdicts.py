"""``sebench check`` on times: every verdict through the real command line, on a clock that is told the time.

What a step takes is written in the file of its network, and processes differ by what their seeds say
(tests/workers/steady.py): these verdicts do not depend on the machine. Real time: test_check.py.
"""

import json

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from sebench.profilers.environment import capture_environment
from sebench.runner.measuring.calibrations import Calibrations
from sebench.schema import CalibrationSession, ModelSpec, Workload, fingerprint
from tests.pretended import steady_host
from tests.repositories import git, repository, worktrees, write

SMALL = ("--image-size", "16", "--threads", "1", "--device", "cpu")
BASE_S = 0.2


def network(step_s):
    return f"from torch import nn\n\nSTEP_S = {step_s}\n\n\ndef net():\n    return nn.Conv2d(3, 4, 3)\n"


@pytest.fixture
def repo(tmp_path, monkeypatch):
    repo = repository(tmp_path / "repo", {"nets.py": network(BASE_S)})
    git(repo, "checkout", "--quiet", "-b", "head")
    monkeypatch.chdir(repo)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return repo


@pytest.fixture
def gate(repo):
    """Run ``sebench check ARGUMENTS``; returns the one check of its JSON."""

    def run(*arguments, code, condition="calm"):
        words = ["check", *arguments, *SMALL, "--seed", "1", "--format", "json"]
        done = CliRunner().invoke(app, words, obj=steady_host(condition))
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
        (check,) = json.loads(done.stdout)["checks"]
        return check

    return run


@pytest.fixture
def against_main(gate, repo):
    """This tree, whose steps take `factor` times as long, against ``main``."""

    def run(factor, *arguments, code, **options):
        write(repo, {"nets.py": network(BASE_S * factor), "README.md": "no code, but a change"})
        asked = ("-m", "nets.py:net", "--base-ref", "main", "--margin", "latency:1.05")
        found = gate(*asked, *arguments, code=code, **options)
        assert worktrees(repo) == 1
        return found

    return run


def test_no_change_passes(against_main):
    found = against_main(1.0, code=0)
    assert (found["kind"], found["candidate"], found["status"]) == ("base-ref", "this tree", "passed")
    assert (found["grade"], found["ratio"]["scope"]) == ("A", "process")
    assert found["ratio"]["processes"] >= 5
    assert found["workload"]["input_shape"] == [1, 3, 16, 16]


@pytest.mark.slow
def test_a_slow_down_fails_and_stays_failed(against_main):
    first = against_main(1.2, code=3)
    assert (first["status"], first["reason"]["code"], first["attempts"]) == ("failed", "over-limit", 1)
    # Both sides differ by 1 % at most.
    assert 1.05 < first["ratio"]["ci_low"] < 1.2 * 1.01 / 0.99
    # No time to measure anything: the pooled samples still say what they said.
    spent = against_main(1.2, "--budget", "0.001", code=3)
    assert (spent["attempts"], spent["ratio"]) == (2, first["ratio"])
    assert "nothing-measured" in [finding["code"] for finding in spent["findings"]]
    again = against_main(1.2, code=3)
    # The attempt without samples is none.
    assert again["attempts"] == 2
    assert again["ratio"]["processes"] == 2 * first["ratio"]["processes"]
    assert again["p_value"] < first["p_value"]


@pytest.mark.slow
def test_at_the_limit_it_is_inconclusive_after_one_extension(against_main):
    found = against_main(1.05, "--no-save", code=4)
    assert (found["status"], found["reason"]["code"]) == ("inconclusive", "interval-contains-limit")
    assert found["ratio"]["processes"] >= 10
    let_through = against_main(1.05, "--no-save", "--on-inconclusive", "pass", code=0)
    assert let_through["status"] == "inconclusive"


@pytest.mark.slow
def test_on_a_busy_machine_only_what_noise_cannot_explain_fails(against_main):
    # One step in three takes twice as long, so a ratio of 1.5 may be the machine's.
    found = against_main(1.5, code=4, condition="busy")
    assert (found["status"], found["grade"], found["reason"]["code"]) == ("inconclusive", "C", "grade-c")
    assert "to either side of the ratio" in found["reason"]["message"]
    assert found["ratio"]["ci_low"] > 1.05
    # 2.3 / 2 = 1.15
    found = against_main(2.3, code=3, condition="busy")
    assert (found["status"], found["grade"], found["reason"]["code"]) == ("failed", "C", "far-over-limit")
    assert "noise does not explain it" in found["reason"]["message"]


@pytest.mark.slow
def test_fixed_work_that_varies_beside_steady_steps_keeps_nothing_from_failing(against_main):
    found = against_main(1.2, code=3, condition="restless")
    assert (found["status"], found["grade"]) == ("failed", "A")
    assert "canary-unstable" in [finding["code"] for finding in found["findings"]]
    assert against_main(1.0, code=0, condition="restless")["grade"] == "A"


def test_without_time_nothing_is_compared(against_main):
    found = against_main(1.0, "--budget", "0.001", "--on-inconclusive", "pass", code=4)
    assert (found["status"], found["reason"]["code"]) == ("not_comparable", "not-measured")


def test_a_quick_gate_that_lets_everything_through_cannot_fail_and_says_so(against_main, repo):
    found = against_main(3.0, "--effort", "quick", "--on-inconclusive", "pass", code=4)
    assert (found["status"], found["reason"]["code"]) == ("not_comparable", "cannot-fail")
    assert "because inconclusive checks pass, this gate cannot fail" in found["reason"]["message"]


def test_a_tree_against_itself_cannot_fail_and_says_so(gate, repo):
    same = ("-m", "nets.py:net", "--margin", "latency:1.05", "--on-inconclusive", "pass")
    for ref in ("HEAD", "main"):
        found = gate(*same, "--base-ref", ref, code=4)
        assert (found["status"], found["reason"]["code"]) == ("not_comparable", "same-code")
    assert not (repo / ".sebench").exists()


def calibrated(repo, model):
    """Say that a network varies by 1 % between fresh processes here."""
    offset = 0.01 / 2**0.5  # two values +- s / sqrt(2) apart have a standard deviation of s
    session = CalibrationSession(
        created_at="2026-01-02T03:04:05+00:00",
        seed=1,
        log_ratios=((-offset,) * 2, (offset,) * 2),
        log_times=((0.0,) * 2,) * 2,
    )
    Calibrations(repo / ".sebench" / "calibrations").add(
        fingerprint(capture_environment()),
        ModelSpec(model=model),
        Workload(input_shape=(1, 3, 16, 16), threads=1),
        session,
    )


def test_one_process_decides_only_where_its_noise_is_calibrated(gate, repo):
    write(repo, {"slow.py": network(1.2 * BASE_S)})
    pair = ("--baseline", "nets.py:net", "--candidate", "slow.py:net")
    quick = (*pair, "--margin", "latency:1.05", "--effort", "quick")
    unknown = gate(*quick, "--no-save", code=4)
    assert (unknown["status"], unknown["reason"]["code"]) == ("inconclusive", "not-enough-processes")
    # It would pass whatever the code.
    let_through = gate(*quick, "--no-save", "--on-inconclusive", "pass", code=4)
    assert (let_through["status"], let_through["reason"]["code"]) == ("not_comparable", "cannot-fail")
    calibrated(repo, "slow.py:net")
    known = gate(*quick, code=3)
    assert (known["status"], known["ratio"]["scope"]) == ("failed", "within-process")
    assert known["ratio"]["processes"] == 1


def test_a_margin_below_the_calibrated_noise_is_refused(repo, gate):
    write(repo, {"slow.py": network(BASE_S)})
    calibrated(repo, "slow.py:net")
    words = "check --baseline nets.py:net --candidate slow.py:net --margin latency:1.001"
    done = CliRunner().invoke(app, [*words.split(), *SMALL], obj=steady_host())
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "--margin latency:1.001 is below the noise floor of this machine: 6 processes" in line


@pytest.mark.slow
def test_a_repeated_gate_on_changed_files_is_another_question(against_main, repo):
    assert against_main(1.2, "--junit", "gate.xml", code=3)["attempts"] == 1
    # What the command wrote is no change of the code.
    assert against_main(1.2, "--junit", "gate.xml", code=3)["attempts"] == 2
    write(repo, {"settings.json": "{}"})
    assert against_main(1.2, "--junit", "gate.xml", code=3)["attempts"] == 1
