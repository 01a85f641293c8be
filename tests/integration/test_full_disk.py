"""A disk that fills up during a measurement: what was measured is printed, then the error; exit 1."""

import json
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from sebench.cli import app
from sebench.errors import Interrupted
from sebench.runner import profiling, tabulating
from sebench.runner.gate import target_run
from sebench.runner.measuring import calibrating
from sebench.runner.measuring import run as measuring
from tests import samples
from tests.unit.reporting.test_pictures import PROFILE

RATIOS = (1.00, 1.01, 1.02, 1.03, 1.04, 1.05)


def sebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def blocked(tmp_path, monkeypatch):
    """Paths under it can be made before the measurement and no more after it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "full"


@pytest.fixture
def measured(monkeypatch, blocked):
    """Stands for the workers, wherever they are asked: six processes, and a disk that fills up meanwhile."""
    runs = [samples.process([samples.block(0.05, 0.05 * r)] * 4, n) for n, r in enumerate(RATIOS)]

    def run(plan, context=None, **options):
        if not blocked.exists():
            blocked.write_text("")
        for number, session in enumerate(plan.sessions):
            found = replace(samples.measurement(runs), workload=session.workload)
            yield samples.result(found, id=f"result-{number}", pair=session.pair)

    for module in (measuring, calibrating, tabulating, target_run):
        monkeypatch.setattr(module, "run", run)
    return run


def errors(done):
    return [line for line in done.stderr.splitlines() if line.startswith("sebench: error: ")]


def test_compare(measured, blocked):
    done = sebench("compare", "-m", "resnet50", "--save", blocked / "results", "--format", "json")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    assert (done.exit_code, comparison["candidate"]) == (1, "se")
    (error,) = errors(done)
    assert error.startswith(
        "sebench: error: what was measured is shown, but not stored: cannot write full/results/".replace(
            "full/", f"{blocked}/"
        )
    )


def test_an_output_that_has_become_impossible_goes_to_standard_output(measured, blocked):
    done = sebench(
        "compare",
        "-m",
        "resnet50",
        "--save",
        blocked / "results",
        "--format",
        "json",
        "-o",
        blocked / "out.json",
    )
    assert (done.exit_code, json.loads(done.stdout)["kind"]) == (1, "comparison")
    assert [str(blocked / "out.json") in error for error in errors(done)] == [True]


def test_ctrl_c_and_faults_show_the_pairs_before(monkeypatch, measured, blocked, tmp_path):
    for fault, status in ((Interrupted("interrupted"), 130), (KeyboardInterrupt(), 130), (RuntimeError(), 1)):

        def run(plan, context, fault=fault, **options):
            yield next(measured(plan))
            raise fault

        monkeypatch.setattr(measuring, "run", run)
        done = sebench("compare", "-m", "resnet50", "-m", "vgg16_bn", "--no-save", "--format", "json")
        assert (done.exit_code, len(json.loads(done.stdout)["comparisons"])) == (status, 1)
        assert len(errors(done)) == 1


def test_check_keeps_its_verdict(measured, blocked, tmp_path):
    def check(limit):
        done = sebench(
            *(
                "check",
                "-m",
                "resnet50",
                "--max-overhead",
                f"latency:{limit}",
                "--attempts",
                blocked / "attempts",
            ),
            *("--format", "json"),
        )
        assert errors(done)[-1].startswith("sebench: error: what was measured is shown, but not stored")
        blocked.unlink()
        return json.loads(done.stdout)["status"], done.exit_code

    assert check(1.2) == ("passed", 1)
    assert check(1.01) == ("failed", 3)


def test_junit_is_the_last_to_fail(measured, blocked, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    arguments = ("check", "-m", "resnet50", "--max-overhead", "latency:1.01", "--no-save", "--junit")
    done = sebench(*arguments, blocked / "junit.xml")
    assert done.exit_code == 1
    assert "failed" in done.stdout
    assert "::error title=" in done.stderr
    assert str(blocked / "junit.xml") in errors(done)[-1]
    assert sebench(*arguments, tmp_path / "junit.xml").exit_code == 3
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().tag == "testsuites"  # noqa: S314 - just written


def test_calibrate(measured, blocked):
    done = sebench("calibrate", "-m", "resnet50", "--calibrations", blocked / "kept", "--format", "json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["kind"], found["noise"]["sessions"]) == (1, "calibration", 1)
    assert len(errors(done)) == 1


def test_table(measured, blocked):
    done = sebench("table", "section4", "--measure", "--results", blocked / "results", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["kind"]) == (1, "table")
    entries = [entry for row in json.loads(done.stdout)["tables"][0]["rows"] for entry in row["entries"]]
    assert "1.025 [1.005, 1.045]" in [entry["here_text"] for entry in entries]  # sqrt(1.02 * 1.03)
    assert len(errors(done)) == 1


def test_profile(monkeypatch, blocked):
    def run_profiles(plan, environment, **options):
        blocked.write_text("")
        return (PROFILE,), environment

    monkeypatch.setattr(profiling, "run_profiles", run_profiles)
    for option, path in (("--plot", blocked / "a.svg"), ("-o", blocked / "out.txt")):
        done = sebench("profile", "-m", "resnet50", option, path)
        assert done.exit_code == 1
        assert "squeeze" in done.stdout
        assert str(path) in errors(done)[-1]
        blocked.unlink()
