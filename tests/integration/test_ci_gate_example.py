"""``examples/ci_gate.yml``: its shell steps, as they stand, in a repository with a base and a head commit.

Times are pretended (tests/pretended.py), so that exit codes do not depend on the machine; real ones:
test_check.py.
"""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WORKFLOW = yaml.safe_load((EXAMPLES / "ci_gate.yml").read_text())
STEPS = WORKFLOW["jobs"]["gate"]["steps"]
GITHUB = {
    "github.base_ref": "main",
    "github.event.pull_request.head.sha": "0123abc",
    "github.run_attempt": "2",
}
# How long a step takes is what the file says (tests/workers/steady.py): four times as long as without a word.
SLOWER = "\nSTEP_S = 0.8\n"


def expand(text):
    """`text` with GitHub's expressions evaluated; one this test does not know is a KeyError."""
    return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda match: GITHUB[match.group(1)], text)


def uses(action):
    (step,) = [step for step in STEPS if step.get("uses", "").partition("@")[0] == action]
    return step


def git(directory, *arguments):
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def commit(directory, message):
    git(directory, "add", "--all")
    git(directory, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", message)


@pytest.fixture
def checkout(tmp_path):
    """A clone at a pull request's head, with the base as ``origin/main``, as actions/checkout leaves it."""
    upstream, clone = tmp_path / "upstream", tmp_path / "clone"
    upstream.mkdir()
    git(upstream, "init", "--quiet", "--initial-branch", "main")
    (upstream / "nets.py").write_text((EXAMPLES / "nets.py").read_text())
    commit(upstream, "base")
    git(tmp_path, "clone", "--quiet", str(upstream), str(clone))
    return clone


@pytest.fixture
def job(checkout, tmp_path):
    """Runs the shell steps of the job; returns the completed gate step."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, arguments in {"python": "", "sebench": "-m tests.pretended"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    summary = tmp_path / "summary.md"
    summary.touch()

    def run():
        done = gate()
        (suite,) = ElementTree.parse(checkout / "sebench.xml").getroot()  # noqa: S314 - just written
        return done, suite, summary.read_text()

    def gate():
        # A step that installs is what the environment of the tests stands for.
        shell = [each for each in STEPS if "run" in each and "pip install" not in each["run"]]
        (step,) = shell
        values = {
            **WORKFLOW["env"],
            "MARGIN": "latency:2.0",
            **step.get("env", {}),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", expand(step["run"])],
            cwd=checkout,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_ACTIONS": "true",
                "GITHUB_STEP_SUMMARY": str(summary),
                **{name: expand(value) for name, value in values.items()},
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


def test_the_workflow_fetches_the_base_and_may_only_read():
    assert uses("actions/checkout")["with"]["fetch-depth"] == 0
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_attempts_are_kept_whatever_the_gate_says():
    restore, save = uses("actions/cache/restore"), uses("actions/cache/save")
    assert restore["with"]["path"] == save["with"]["path"] == ".sebench"
    # A cache is never overwritten, so each attempt saves its own; restoring takes the latest of this commit.
    assert expand(save["with"]["key"]) == expand(restore["with"]["key"]) == "sebench-0123abc-2"
    assert expand(restore["with"]["restore-keys"]) == "sebench-0123abc-"
    assert save["if"] == uses("actions/upload-artifact")["if"] == "always()"
    assert uses("actions/upload-artifact")["with"]["include-hidden-files"] is True


def test_what_is_installed_is_this_project_and_its_address_must_be_set():
    (install,) = (step["run"] for step in STEPS if "pip install" in step.get("run", ""))
    assert "sebench-torch @ git+" in install
    shell = ["bash", "-eo", "pipefail", "-c", install.replace("python -m pip install", "echo")]
    unset = subprocess.run(
        shell, env={**os.environ, **WORKFLOW["env"]}, capture_output=True, text=True, check=False
    )
    assert unset.returncode != 0
    assert "SEBENCH_REPOSITORY: name the repository of sebench" in unset.stderr
    environ = {**os.environ, "SEBENCH_REPOSITORY": "https://example.org/sebench"}
    done = subprocess.run(shell, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "sebench-torch @ git+https://example.org/sebench\n"


def test_no_expression_is_pasted_into_a_shell():
    # A branch may be named `$(anything)`; values reach the shell as variables only.
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


def test_a_head_like_its_base_passes(checkout, job):
    (checkout / "README.md").write_text("nothing that is measured\n")
    commit(checkout, "head")
    done, suite, summary = job()
    assert done.returncode == 0, done.stderr
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert int(suite.get("tests")) >= 1
    assert "::error" not in done.stderr
    assert "passed" in summary
    ended = [line for line in done.stderr.splitlines() if " elapsed, about " in line]
    assert [line.partition(":")[0] for line in ended] == [f"process {number} of 6" for number in range(1, 7)]
    assert all(", so far " in line for line in ended[1:-1])
    assert ", ratio " in ended[-1]


def test_a_slower_head_fails(checkout, job):
    with (checkout / "nets.py").open("a") as stream:
        stream.write(SLOWER)
    commit(checkout, "head")
    done, suite, summary = job()
    assert done.returncode == 3, done.stderr
    assert suite.get("failures") == "1"
    assert "::error title=sebench%3A " in done.stderr
    assert "exceeds the limit of 2" in summary
