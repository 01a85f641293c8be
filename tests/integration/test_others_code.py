"""Files that do what they like to the process that runs them, which is never the command's own."""

import json

import pytest

from tests.repositories import commit, git, repository, worktrees, write

NET = "from torch import nn\n\ndef net():\n    return nn.Conv2d(3, 8, 3)\n"
SMALL = "--image-size 16 --threads 1 --device cpu"
ENDED = "nets.py:net: a worker process ended with status 0 before it had answered"


@pytest.fixture
def repo(tmp_path):
    """Where the commands of `sebench` run; a plain network at ``main``."""
    repository(tmp_path, {"nets.py": NET, ".gitignore": "cache\n"})
    git(tmp_path, "checkout", "--quiet", "-b", "head")
    return tmp_path


def one_line(done, code, *words, judged=False):
    """An error and its code; a gate also says of which check it is the end."""
    assert done.returncode == code
    assert done.stdout.startswith("Gate: not comparable\n") if judged else done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sebench: error: ")
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    "ending",
    [
        "import os\nos._exit(0)\n",
        pytest.param("import atexit, os\natexit.register(os._exit, 0)\n", marks=pytest.mark.slow),
    ],
)
def test_a_gate_over_code_that_ends_its_process_is_an_error(repo, sebench, ending):
    write(repo, {"nets.py": NET + ending, "gate.xml": "of an earlier run"})
    asked = f"check -m nets.py:net --base-ref main --margin params:1.05 --junit gate.xml {SMALL}"
    one_line(sebench(asked, check=False), 1, ENDED, judged=True)
    assert 'errors="1"' in (repo / "gate.xml").read_text()
    assert worktrees(repo) == 1


def test_the_base_is_named_with_its_commit(repo, sebench):
    git(repo, "checkout", "--quiet", "main")
    base = commit(repo, {"nets.py": f"{NET}import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"})
    write(repo, {"nets.py": NET})
    asked = f"check -m nets.py:net --base-ref main --margin params:1.05 {SMALL}"
    died = f"nets.py:net at {base[:12]}: a worker process was killed by SIGSEGV"
    one_line(sebench(asked, check=False), 1, died, judged=True)


@pytest.mark.slow
def test_a_lock_of_such_code_is_an_error_too(repo, sebench):
    sebench("lock -m nets.py:net --image-size 16")
    write(repo, {"nets.py": f"{NET}import os\nos._exit(0)\n"})
    one_line(sebench("check", check=False), 1, ENDED)
    one_line(sebench("lock", check=False), 1, ENDED)


def test_output_goes_where_it_was_asked_to_and_holds_nothing_else(tmp_path, sebench):
    broken = "raise RuntimeError('not the module that is meant')\n"
    write(tmp_path, {f"{name}.py": broken for name in ("queue", "typing", "torch", "numpy")})
    net = NET.replace("    return", "    os.write(1, b'words')\n    os.chdir('/')\n    return")
    write(tmp_path, {"nets.py": f"import os\n{net}"})
    asked = "count -m nets.py:net -m cifar_resnet110 -v plain --image-size 32 --format json"
    found = json.loads(sebench(asked).stdout)["models"]
    assert [model["params"] for model in found] == [8 * 27 + 8, 1_730_522]
    sebench(f"{asked} --output counts.json")
    assert json.loads((tmp_path / "counts.json").read_text())["models"] == found


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_network_that_writes_to_its_input_is_compared_on_the_same_data_and_said(tmp_path, sebench):
    change = NET.replace("nn.Conv2d(3, 8, 3)", "nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 8, 3))")
    write(tmp_path, {"nets.py": NET + change.replace("def net", "def writes")})
    done = sebench(
        "compare --baseline nets.py:writes --candidate nets.py:net --image-size 8 --threads 1 --device cpu"
        " --effort quick --no-save --format json -q"
    )
    (comparison,) = json.loads(done.stdout)["comparisons"]
    (latency,) = (metric for metric in comparison["metrics"] if metric["metric"] == "latency")
    said = [finding["message"] for finding in latency["findings"] if finding["code"] == "writes-input"]
    assert said == ["nets.py:writes writes to its input; both inputs are restored before each step"]
