"""One measurement at a time on a device, whoever measures."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from sebench.errors import DeviceError
from sebench.runner.measuring import device_lock
from sebench.runner.measuring.device_lock import alone_on, lock_file, typed_command
from sebench.schema import Workload
from tests import samples
from tests.interpreter import FRESH

GPUS = Workload(device="cuda:0", phase="training", batch_size=4, input_shape=(4, 3, 8, 8), world_size=2)


def no_heartbeat(holder):
    raise AssertionError("nobody else holds the device")


def test_a_second_run_on_the_device_waits_until_the_first_has_ended():
    first = FileLock(lock_file("cpu"))
    first.acquire()
    announced = []

    def announce(holder):  # nobody but the first run can end the waiting
        announced.append(holder)
        first.release()

    with alone_on(samples.WORKLOAD, announce) as waited_s:
        assert announced == [None]  # it does not say who it is
        assert waited_s >= 0
        with pytest.raises(Timeout):
            FileLock(first.lock_file).acquire(timeout=0)
    with alone_on(samples.WORKLOAD, no_heartbeat):
        pass


def test_all_devices_of_a_workload_are_held():
    with alone_on(GPUS, no_heartbeat):
        for device in ("cuda:0", "cuda:1"):
            with pytest.raises(Timeout):
                FileLock(lock_file(device)).acquire(timeout=0)
        FileLock(lock_file("cpu")).acquire(timeout=0).lock.release()


def test_without_a_cache_the_lock_bears_the_name_of_its_user(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made in it
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(device_lock.os, "getuid", lambda: 1001)
    assert lock_file("cuda:1") == tmp_path / "sebench-1001-cuda-1.lock"


def test_machines_that_share_a_home_have_locks_of_their_own(monkeypatch):
    names = []
    for host in ("node-1", "node-2"):
        monkeypatch.setattr(device_lock.platform, "node", lambda host=host: host)
        names.append(lock_file("cpu").name)
    assert names == ["sebench-node-1-cpu.lock", "sebench-node-2-cpu.lock"]


@pytest.mark.parametrize(
    ("device", "visible", "same_as"),
    [
        ("cuda:0", "2,3", "cuda:2"),
        ("cuda:1", "2, 3", "cuda:3"),
        ("cuda:1", "2", "cuda:1"),  # not there: measuring will say so
        ("cuda:0", "", "cuda:0"),
        ("cpu", "2,3", "cpu"),
    ],
)
def test_a_gpu_has_one_lock_however_a_process_numbers_it(device, visible, same_as):
    assert lock_file(device, {"CUDA_VISIBLE_DEVICES": visible}) == lock_file(same_as, {})


def test_a_gpu_may_be_visible_by_its_name():
    assert lock_file("cuda:0", {"CUDA_VISIBLE_DEVICES": "GPU-5a/b"}).name.endswith("-cuda-GPU-5a-b.lock")


def test_a_lock_that_cannot_be_opened_is_one_line():
    file = lock_file("cpu")
    file.mkdir()
    expected = rf"cannot be locked: {file}: .*; remove that file, or"
    with pytest.raises(DeviceError, match=expected), alone_on(samples.WORKLOAD, no_heartbeat):
        pass


# --- who is waited for ----------------------------------------------------------------------------------

HOLD = """
import sys
from sebench.runner.measuring.device_lock import alone_on
from sebench.schema import Workload

with alone_on(Workload(input_shape=(1, 3, 8, 8)), lambda holder: None):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other():
    """Another process that holds the CPU until its standard input ends."""
    with subprocess.Popen(
        [FRESH, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_waiting_run_is_told_the_process_and_its_command(other):
    heard = []

    def announce(holder):
        heard.append(holder)
        other.stdin.close()

    with alone_on(samples.WORKLOAD, announce):
        pass
    (holder,) = heard
    assert holder.pid == other.pid
    assert holder.command.startswith(f"{Path(FRESH).name} -c ")
    assert str(holder).startswith(f"pid {other.pid}: ")
    other.wait()
    assert list(lock_file("cpu").parent.glob("*.holder")) == []


def test_a_process_that_is_gone_is_not_named(other):
    other.kill()
    other.wait()
    (left,) = lock_file("cpu").parent.glob("*.holder")  # nobody removed it
    with FileLock(lock_file("cpu")) as lock:
        assert waited_for(lock) == [None]
    left.write_bytes(b"\xff{")
    with FileLock(lock_file("cpu")) as lock:
        assert waited_for(lock) == [None]
    with alone_on(samples.WORKLOAD, no_heartbeat):  # nor does it keep anybody from measuring
        pass


def waited_for(lock):
    heard = []

    def announce(holder):
        heard.append(holder)
        lock.release()

    with alone_on(samples.WORKLOAD, announce):
        pass
    return heard


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (
            ["/usr/bin/python3", "/opt/bin/sebench", "compare", "-m", "resnet50"],
            "sebench compare -m resnet50",
        ),
        (["/usr/bin/python3", "-m", "sebench", "env"], "python3 -m sebench env"),
        (["/usr/bin/python3", "scripts/cost.py"], "cost.py"),
        ([], "python"),
        (["sebench", "\udcff"], "\\udcff"),
    ],
)
def test_commands_are_named_as_they_were_typed(arguments, command):
    assert typed_command(arguments) == command
