"""Counts of code that does what it likes to the process it runs in; the processes are real."""

import sys
from pathlib import Path

import pytest

from sebench.errors import BuildError, UsageError, WorkerError
from sebench.runner.counting.counter import Counter
from sebench.runner.planning.plan import resolve_spec

SHAPE = (1, 3, 8, 8)
# Each ends the process in its own way; `late` when it is over.
ENDING = """
import atexit, os, signal
from torch import nn

def now():
    os._exit(0)

def crashed():
    os.kill(os.getpid(), signal.SIGSEGV)

def late():
    atexit.register(os._exit, 0)
    return nn.Conv2d(3, 4, 3)
"""
# None of these ends the process; 3 x 4 x 9 weights and 4 biases are 112 parameters.
ODD = """
import os, subprocess, sys, threading
from torch import nn

def conv():
    return nn.Conv2d(3, 4, 3)

def interrupts():
    raise KeyboardInterrupt

def leaves():
    raise GeneratorExit

def exits():
    sys.exit(0)

def silent():
    raise RuntimeError("")

class Speechless(Exception):
    def __str__(self):
        raise ValueError("no words")

def speechless():
    raise Speechless

class Mute(nn.Module):
    def forward(self, x):
        raise RuntimeError("")

def asks():
    return conv() if input() else None

def moves():
    os.chdir("/")
    return conv()

def writes():
    os.write(1, b'{"type": "Done"}\\n')
    print('{"type": "Done"}', flush=True)
    subprocess.run(["echo", '{"type": "Done"}'], check=True)
    return conv()

def forks():
    if not os.fork():
        os.write(2, b"a child that comes back, too")
    return conv()

def threads():
    threading.Thread(target=threading.Event().wait).start()
    return conv()

class Late(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 4, 3)

    def forward(self, x):
        import imported_late
        return super().forward(x)

def starts():
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    return conv()
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "odd.py").write_text(ODD)
    (tmp_path / "imported_late.py").write_text("")
    (tmp_path / "nets" / "ending.py").write_text(ENDING)
    return tmp_path


def spec(name):
    return resolve_spec(f"nets/{name}", "asis")


def test_one_process_counts_them_all_and_comes_to_no_harm(tree):
    here, modules = Path.cwd(), set(sys.modules)
    with Counter(None) as count:
        for name in ("moves", "writes", "forks", "threads", "starts", "Late", "conv"):
            assert count(spec(f"odd.py:{name}"), SHAPE).params == 112, name
        for name, message in {
            "interrupts": "the network does not run on this input: KeyboardInterrupt (nets/odd.py:9)",
            "leaves": "odd.py:leaves cannot be built: GeneratorExit (nets/odd.py:12)",
            "exits": "odd.py:exits cannot be built: SystemExit: 0",
            "silent": "odd.py:silent cannot be built: RuntimeError (nets/odd.py:",
            "speechless": "odd.py:speechless cannot be built: Speechless (nets/odd.py:",
            "Mute": "RuntimeError",
            "asks": "odd.py:asks cannot be built: EOFError",
        }.items():
            with pytest.raises(BuildError) as refused:
                count(spec(f"odd.py:{name}"), SHAPE)
            assert message in str(refused.value), name
            assert "\n" not in str(refused.value)
        with pytest.raises(UsageError, match="has no function 'convv'; did you mean 'conv'"):
            count(spec("odd.py:convv"), SHAPE)
        assert len(count._workers) == 1
    assert Path.cwd() == here
    assert not {name for name in set(sys.modules) - modules if "odd" in name}


def test_code_that_ends_its_process_is_named_and_the_next_network_has_a_new_one(tree):
    with Counter(None) as count:
        for name, how in {
            "now": "ended with status 0 before it had answered (os._exit or sys.exit in its code?)",
            "crashed": "was killed by SIGSEGV",
        }.items():
            with pytest.raises(WorkerError) as ended:
                count(spec(f"ending.py:{name}"), SHAPE)
            assert str(ended.value) == f"nets/ending.py:{name}: a worker process {how}"
        assert count(spec("odd.py:conv"), SHAPE).params == 112


def test_a_count_whose_process_is_ended_from_within_afterwards_is_none(tree):
    count = Counter(None)
    assert count(spec("odd.py:conv"), SHAPE).params == 112
    assert count(spec("ending.py:late"), SHAPE).params == 112
    with pytest.raises(WorkerError) as ended:
        count.close()
    assert str(ended.value).startswith(
        "nets/odd.py:conv or nets/ending.py:late: a worker process ended with status 0"
    )


def test_nothing_in_the_current_folder_stands_in_for_pythons_modules_or_ours(tree, monkeypatch):
    broken = "raise RuntimeError('not the module that is meant')\n"
    names = ("queue", "types", "torch", "typing", "sebench", "numpy", "statistics", "sitecustomize")
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "shared_layers.py").write_text("CHANNELS = 3\n")
    monkeypatch.setenv("PYTHONPATH", str(tree / "elsewhere"))
    for name in names:
        (tree / f"{name}.py").write_text(broken)
    # What lies beside the file and is called like nobody else's module is found, and so is PYTHONPATH.
    (tree / "mine.py").write_text("WIDTH = 4\n")
    (tree / "nets.py").write_text(
        "import statistics\nfrom mine import WIDTH\nfrom shared_layers import CHANNELS\n"
        "from torch import nn\ndef net():\n    return nn.Conv2d(CHANNELS, int(statistics.mean([WIDTH])), 3)\n"
    )
    with Counter(None) as count:
        assert count(resolve_spec("nets.py:net", "plain"), SHAPE).params == 112


def test_a_cross_check_of_others_code_happens_elsewhere_too(tree):
    with Counter(None) as count:
        checked = count.cross_check(spec("odd.py:conv"), SHAPE)
    # 3 x 4 x 9 multiplications at 6 x 6 places
    assert (checked.macs, {tool.tool: tool.unexplained for tool in checked.tools}["torch"]) == (108 * 36, 0)


def test_native_networks_start_no_process(tree):
    with Counter(None, command=("no-such-command",)) as count:
        assert count(resolve_spec("cifar_resnet110", "plain"), (1, 3, 32, 32)).params == 1_730_522
