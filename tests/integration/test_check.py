"""``sebench check`` through the real command line, in repositories with a base and a head.

Exact figures decide most of it, without any time measured. Where real times do, only what holds on any
machine, however busy, is asked for: several times as slow never passes, equal code never fails. Every verdict
on times: test_check_verdicts.py.
"""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from tests.repositories import commit, git, repository, state, worktrees, write

STORED = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
QUIET = Path(__file__).parent / "quiet"
SMALL = ("--image-size", "16", "--threads", "1", "--device", "cpu")
# More channels are more params: 3 x 9 x CHANNELS weights and as many biases as channels.
NETS = """
import sys
import time

from torch import nn

CHANNELS = {channels}
print("a module that prints")


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3)

    def forward(self, x):
        end = time.perf_counter() + {wait_s}
        result = self.conv(x)
        while time.perf_counter() < end:
            pass
        return result


def net():
    print("a factory that prints")
    return Slow()
"""

SMALL_NET = "from torch import nn\n\n\ndef net():\n    return nn.Conv2d(3, 4, 3)\n"


def nets(channels=4, wait_s=0.0005):
    return {"nets.py": NETS.format(channels=channels, wait_s=wait_s)}


@pytest.fixture
def repo(tmp_path):
    """On a branch ``head`` whose only difference from ``main`` is what a test commits."""
    repo = repository(tmp_path / "a repo\u00e9", nets())
    git(repo, "checkout", "--quiet", "-b", "head")
    return repo


@pytest.fixture
def environ(tmp_path):
    outside = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
    inherited = {name: value for name, value in os.environ.items() if name not in outside}
    return {**inherited, "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def check(repo, monkeypatch):
    """Run ``sebench check ARGUMENTS`` in the repository, within this process; returns what came of it."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments, code=0, cwd=repo):
        monkeypatch.chdir(cwd)
        done = CliRunner().invoke(app, ["check", *arguments])
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def check_process(repo, environ):
    """Run ``sebench check ARGUMENTS`` in a process of its own; returns the completed process."""

    def run(*arguments, code=0, cwd=repo, **variables):
        done = subprocess.run(
            [sys.executable, "-m", "sebench", "check", *arguments],
            cwd=cwd,
            env={**environ, **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert code in (done.returncode, None), (done.returncode, done.stdout, done.stderr)
        return done

    return run


def one_line(done, *words, judged=False):
    """The only thing said is one error; where a gate was judged, what came of it is shown as well."""
    assert done.stdout.startswith("Gate: not comparable\n") if judged else done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sebench: error: ")
    assert all(word in line for word in words), line


def against_main(*arguments):
    return ("-m", "nets.py:net", "--base-ref", "main", *SMALL, *arguments)


# Exact figures


@pytest.mark.usefixtures("shared_counts")
def test_a_ceiling_passes_and_fails(check, tmp_path):
    # resnet50: 25,557,032 params plain, 28,088,024 with SE: 1.0990
    asked = ("-m", "resnet50", "--max-overhead", "params:1.10", "--max-overhead", "macs:1.001")
    done = check(*asked)
    assert done.stdout.startswith("Gate: passed\n")
    assert done.stderr == ""
    junit = tmp_path / "out" / "gate.xml"
    failed = check("-m", "resnet50", "--max-overhead", "params:1.05", "--junit", str(junit), code=3)
    verdict = "failed: resnet50 se params 1.099 (25,557,032 -> 28,088,024) exceeds the limit of 1.05"
    assert verdict in " ".join(failed.stdout.split())
    (suite,) = ElementTree.parse(junit).getroot()  # noqa: S314 - just written
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


@pytest.mark.usefixtures("shared_counts")
def test_the_json_has_the_shape_that_is_promised(check):
    done = check("-m", "resnet50", "--max-overhead", "params:1.05", "--format", "json", code=3)
    found = json.loads(done.stdout)
    assert (found["schema"], found["kind"], found["status"]) == ("sebench/1", "gate", "failed")
    (only,) = found["checks"]
    assert (only["model"], only["candidate"], only["metric"]) == ("resnet50", "se", "params")
    assert (only["status"], only["limit"], only["exact"]) == ("failed", 1.05, True)
    assert only["ratio"]["estimate"] == 28_088_024 / 25_557_032
    assert only["reason"]["code"] == "over-limit"
    assert "environment" in found


def test_this_tree_against_a_ref_exactly(check_process, repo):
    write(repo, {"README.md": "no code, but a change"})
    before = state(repo)
    passed = check_process(
        *against_main("--margin", "params:1.0", "--margin", "macs:1.0", "--format", "json")
    )
    found = json.loads(passed.stdout)  # although module and factory print
    base = git(repo, "rev-parse", "main")
    assert [each["baseline"] for each in found["checks"]] == [f"main ({base[:12]})"] * 2
    assert state(repo)[1:] == before[1:]
    write(repo, nets(channels=5))  # not even committed
    failed = check_process(*against_main("--margin", "params:1.24"), code=3)
    # 5 x 28 / (4 x 28)
    assert "1.250 (112 -> 140) exceeds the limit of 1.24" in " ".join(failed.stdout.split())
    assert worktrees(repo) == 1
    assert not (repo / ".sebench").exists()  # exact figures need no second attempt


@pytest.mark.slow
def test_what_is_configured(check, repo):
    stored = sorted(STORED.glob("*resnet50*.json"))[0]
    commit(
        repo,
        {
            **nets(channels=5),
            "old.py": nets()["nets.py"],
            "results/main.json": stored.read_text(),
            "pyproject.toml": """
                [tool.sebench.lock]
                models = ["nets.py:net"]
                [[tool.sebench.check.ceiling]]
                model = "resnet50"
                max-overhead = { params = 1.1 }
                [[tool.sebench.check.factories]]
                baseline = "old.py:net"
                candidate = "nets.py:net"
                image-size = 16
                margin = { params = 1.25, macs = 1.25 }
                [[tool.sebench.check.base-ref]]
                model = "nets.py:net"
                ref = "main"
                image-size = 16
                margin = { params = 1.25 }
                [[tool.sebench.check.stored]]
                result = "results/main.json"
                margin = { params = 1.0 }
            """,
        },
    )
    subprocess.run([sys.executable, "-m", "sebench", "lock"], cwd=repo, check=True, capture_output=True)
    found = json.loads(check("--format", "json").stdout)
    kinds = [each["kind"] for each in found["checks"]]
    assert {kind for kind in kinds if kind != "lock"} == {"ceiling", "factories", "base-ref", "stored"}
    assert "lock" in kinds
    assert {each["status"] for each in found["checks"]} == {"passed"}
    dumped = check("--dump-config").stdout
    assert set(tomllib.loads(dumped)["check"]) == {"ceiling", "factories", "base-ref", "stored"}
    (repo / "sub").mkdir()
    assert check("--dump-config", cwd=repo / "sub").stdout == dumped
    write(repo, nets(channels=6))
    assert "lock" in check(code=3).stdout


@pytest.mark.slow
def test_a_package_under_src_is_measured_from_its_own_tree(check, check_process, repo):
    package = {"src/package/__init__.py": "", "src/package/models.py": nets()["nets.py"]}
    git(repo, "checkout", "--quiet", "main")
    commit(repo, package)
    git(repo, "checkout", "--quiet", "-b", "topic")
    commit(repo, {"src/package/models.py": nets(channels=5)["nets.py"]})
    asked = ("-m", "package.models:net", "--base-ref", "main", *SMALL, "--margin", "params:1.24")
    assert "1.250 (112 -> 140) exceeds" in check(*asked, code=3).stdout
    # A development install puts the working tree on the path of every process.
    assert (
        "1.250 (112 -> 140) exceeds" in check_process(*asked, code=3, PYTHONPATH=_path(repo / "src")).stdout
    )


def _path(folder):
    """`folder` in front of what the tests run with."""
    return os.pathsep.join((str(folder), *filter(None, (os.environ.get("PYTHONPATH"), str(Path.cwd())))))


@pytest.mark.slow
def test_from_a_folder_of_the_repository(check, repo):
    git(repo, "checkout", "--quiet", "main")
    commit(repo, {"vision/nets.py": nets()["nets.py"]})
    write(repo, {"vision/nets.py": nets(channels=5)["nets.py"]})
    done = check(*against_main("--margin", "params:1.24"), cwd=repo / "vision", code=3)
    assert "1.250 (112 -> 140) exceeds" in done.stdout


# Nothing to compare: 4


def test_nothing_to_compare_is_no_pass(check, tmp_path):
    done = check(code=4)
    assert "nothing was compared; name a limit (--model resnet50 --max-overhead params:1.11)" in done.stderr
    assert "Gate: not comparable" in done.stdout


def test_a_stored_result_without_the_metric_is_not_comparable(check):
    stored = sorted(STORED.glob("*resnet50*.json"))[0]
    done = check("--against", str(stored), "--margin", "peak_memory:1.1", "--on-inconclusive", "pass", code=4)
    assert "not comparable" in done.stdout


# Errors: 1 and 2


def test_a_damaged_result_is_named(check, repo):
    (repo / "main.json").write_text('{"schema": "sebench/1", "id":')
    done = check("--against", "main.json", "--margin", "latency:1.1", code=1)
    one_line(done, "main.json is damaged", judged=True)


def test_a_factory_that_fails_at_the_base_is_named_with_its_commit(check, repo):
    git(repo, "checkout", "--quiet", "main")
    base = commit(repo, {"nets.py": "def net():\n    raise ValueError('depth must be positive')\n"})
    write(repo, nets())
    done = check(*against_main("--margin", "params:1.0"), code=1)
    words = (f"nets.py:net at {base[:12]}", "depth must be positive", "nets.py:2")
    one_line(done, *words, judged=True)
    assert worktrees(repo) == 1


@pytest.mark.slow
def test_a_network_that_is_new_or_gone_is_said_to_be_that_and_the_others_are_judged(
    check_process, repo, tmp_path
):
    base = git(repo, "rev-parse", "main")
    write(repo, {"nets.py": nets()["nets.py"].replace("def net()", "def net2()")})
    targets = "".join(
        f"[[check.base-ref]]\nmodel = '{model}'\nref = 'main'\nmargin = {{ params = 1.0 }}\nimage-size = 16\n"
        for model in ("nets.py:net", "nets.py:net2")
    )
    ceiling = "[[check.ceiling]]\nmodel = 'cifar_resnet110'\nmax-overhead = { params = 1.1 }\n"
    write(repo, {"sebench.toml": targets + ceiling})
    junit = tmp_path / "gate.xml"
    done = check_process("--format", "json", "--junit", str(junit), code=4)
    passed, gone, new = json.loads(done.stdout)["checks"]
    assert (passed["model"], passed["status"]) == ("cifar_resnet110", "passed")
    label = f"main ({base[:12]})"
    assert (gone["status"], gone["reason"]["code"]) == ("not_comparable", "gone-network")
    assert gone["reason"]["message"] == (
        f"nets.py:net is gone: {label} has it, this tree does not "
        "(nets.py has no function 'net'; did you mean 'net2'?)"
    )
    assert (new["status"], new["reason"]["code"]) == ("not_comparable", "new-network")
    assert new["reason"]["message"] == (
        f"nets.py:net2 is new: {label} does not have it (nets.py has no function 'net2'; did you mean 'net'?)"
    )
    lines = [line.removeprefix("sebench: error: ").split(" ", 1)[0] for line in done.stderr.splitlines()]
    assert [line for line in lines if line.startswith("nets.py:")] == ["nets.py:net", "nets.py:net2"]
    (suite,) = ElementTree.parse(junit).getroot()  # noqa: S314 - just written
    assert (suite.get("tests"), suite.get("errors")) == ("3", "2")
    assert worktrees(repo) == 1


def test_what_is_only_new_is_not_comparable(check_process, repo):
    (repo / "sub").mkdir()
    write(repo, {"sub/nets.py": SMALL_NET})
    done = check_process(*against_main("--margin", "params:1.0"), cwd=repo / "sub", code=4)
    one_line(done, "nets.py:net is new: main (", "check it against a ceiling", judged=True)


def test_one_network_that_fails_does_not_take_the_others_with_it(check, repo, tmp_path):
    write(
        repo,
        {"good.py": SMALL_NET, "bad.py": "def net():\n    raise ValueError('depth must be positive')\n"},
    )
    write(
        repo,
        {
            "sebench.toml": """
                [[check.factories]]
                baseline = "good.py:net"
                candidate = "bad.py:net"
                margin = { params = 1.25 }
                [[check.ceiling]]
                model = "cifar_resnet110"
                max-overhead = { params = 1.1 }
            """
        },
    )
    junit = tmp_path / "gate.xml"
    done = check("--junit", str(junit), code=1)
    one_line(done, "bad.py:net", "depth must be positive", judged=True)
    assert "cifar_resnet110 se " in done.stdout
    (suite,) = ElementTree.parse(junit).getroot()  # noqa: S314 - just written
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "1")
    assert float(suite.get("time")) > 0


def test_a_tree_against_itself_cannot_fail(check, repo, tmp_path):
    for ref in ("main", "HEAD"):
        done = check("-m", "nets.py:net", "--base-ref", ref, "--margin", "params:1.0", *SMALL, code=4)
        one_line(done, f"{ref} (", "has exactly the files of this tree", "cannot fail", judged=True)
    # What the gate itself writes into the tree is no change of it.
    asked = against_main("--margin", "params:1.0", "--junit", "gate.xml", "-o", "gate.txt")
    check(*asked, code=4)
    assert "cannot fail" in check(*asked, code=4).stderr


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell")
def test_a_log_in_the_tree_is_no_change_of_it(repo, environ):
    command = [sys.executable, "-m", "sebench", "check", *against_main("--margin", "params:1.0")]
    with (repo / "gate.log").open("w") as log:
        done = subprocess.run(command, cwd=repo, env=environ, stdout=log, stderr=log, check=False)
    assert done.returncode == 4
    assert "has exactly the files of this tree" in (repo / "gate.log").read_text()


def test_code_of_the_working_tree_is_refused_at_the_base(check_process, repo):
    # `extra` is nowhere in the commit; a development install finds it in the working tree all the same.
    git(repo, "checkout", "--quiet", "main")
    base = commit(repo, {"nets.py": "from extra import net\n"})
    write(repo, {"lib/extra.py": nets()["nets.py"]})
    done = check_process(*against_main("--margin", "params:1.0"), code=1, PYTHONPATH=_path(repo / "lib"))
    words = (base[:12], "module extra was imported from the working tree", "extra.py", "PYTHONPATH")
    one_line(done, *words, judged=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--base-ref", "main", "--candidate", "nets.py:net", "--margin", "params:1"), "cannot be combined"),
        (("-m", "nets.py:net", "--base-ref", "--upload-pack=x", "--margin", "params:1"), "is not a commit"),
        (("--base-ref", ""), "--base-ref needs a limit"),
        (("-m", "resnet50", "--max-overhead", "params:nan"), "is not a positive, finite ratio"),
        (("-m", "resnet50", "--max-overhead", "latency:0.05"), "did you mean 1.05?"),
        (("-m", "resnet50", "--max-overhead", "latency:5%"), "did you mean 1.05?"),
        (("-m", "resnet50", "--max-overhead", "params:0.9"), "so nothing could pass; did you mean 1.1?"),
        (("-m", "resnet50", "--max-overhead", "params:1.1", "--image-size", "big"), "--image-size"),
        (("-m", "nets.py:net", "-v", "plain", "--max-overhead", "params:1.1"), "against itself cannot fail"),
        (
            ("--baseline", "nets.py:net", "--candidate", "nets.py:net", "--margin", "params:1"),
            "against itself cannot fail; name two networks, or compare one with a git ref: --base-ref",
        ),
        (("--threads", "1"), "--threads needs a --model"),
    ],
)
def test_what_cannot_be_meant_is_one_line(repo, monkeypatch, arguments, words):
    monkeypatch.chdir(repo)
    done = CliRunner().invoke(app, ["check", *arguments])
    assert done.exit_code == 2
    one_line(done, words)


def test_without_git_it_is_one_line(check_process, repo):
    one_line(check_process(*against_main("--margin", "params:1"), code=2, PATH=""), "git is not installed")


def test_outside_a_repository_it_is_one_line(check, tmp_path):
    write(tmp_path, nets())
    one_line(check(*against_main("--margin", "params:1"), cwd=tmp_path, code=2), "no working tree of git")


def test_a_folder_that_is_gone_is_one_line(environ, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}"; exec "{sys.executable}" -m sebench check -m resnet50 --max-overhead params:1.1'
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["sh", "-c", script], cwd=gone, env={**environ, **path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    one_line(done, "the current directory no longer exists")


# Real times, in the direction that no machine can turn


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
@pytest.mark.parametrize(
    ("wait_s", "codes"),
    [
        (0.0005, (0, 4)),  # equal code never fails
        (0.003, (3, 4)),  # several times as slow never passes
    ],
)
def test_a_busy_machine_may_leave_it_open_but_not_turn_it(check_process, repo, wait_s, codes):
    write(repo, {**nets(wait_s=wait_s), "README.md": "no code, but a change"})
    asked = against_main("--margin", "latency:2", "--format", "json")
    done = check_process(*asked, code=None, PYTHONPATH=_path(QUIET))
    assert done.returncode in codes, (done.stdout, done.stderr)
    (found,) = json.loads(done.stdout)["checks"]
    assert found["kind"] == "base-ref"
    assert worktrees(repo) == 1


# Whoever builds the network in the working tree signs: the worker that counts it, then one per process.
SIGNED = """
import os
with open("builders", "a") as stream:
    stream.write(f"{os.getpid()} ")
"""


# As CI ends a job; the other signals are treated alike (tests/processes/test_signals.py).
@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_signal_leaves_no_worktree_but_the_samples(repo, environ):
    write(repo, {"nets.py": nets()["nets.py"] + SIGNED})
    process = subprocess.Popen(
        [sys.executable, "-m", "sebench", "check", *against_main("--margin", "latency:2")],
        cwd=repo,
        env={**environ, "PYTHONPATH": _path(QUIET)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    builders = repo / "builders"
    while process.poll() is None and not (builders.exists() and len(set(builders.read_text().split())) > 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # impatience does not keep it from cleaning up
    out, error = process.communicate(timeout=600)
    assert process.returncode == 143, error
    assert out == ""
    (attempt,) = (repo / ".sebench" / "attempts").glob("*/*/*.json")
    assert error.splitlines()[-1] == (
        "sebench: error: ended by SIGTERM; what was measured is kept in "
        f"{attempt.parent.relative_to(repo)} and counts as an attempt"
    )
    assert worktrees(repo) == 1
    assert [finding["code"] for finding in json.loads(attempt.read_text())["findings"]] == ["interrupted"]
