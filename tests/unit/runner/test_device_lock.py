"""One measurement at a time on a device, whoever measures."""

import pytest
from filelock import FileLock, Timeout

from sebench.errors import DeviceError
from sebench.runner import device_lock
from sebench.runner.device_lock import alone_on, lock_file
from sebench.schema import Workload
from tests import samples

GPUS = Workload(device="cuda:0", phase="training", batch_size=4, input_shape=(4, 3, 8, 8), world_size=2)


def unheard():
    raise AssertionError("nobody else holds the device")


def test_a_second_run_on_the_device_waits_until_the_first_has_ended():
    first = FileLock(lock_file("cpu"))
    first.acquire()
    announced = []

    def announce():  # nobody but the first run can end the waiting
        announced.append(True)
        first.release()

    with alone_on(samples.WORKLOAD, announce) as waited_s:
        assert announced == [True]
        assert waited_s >= 0
        with pytest.raises(Timeout):
            FileLock(first.lock_file).acquire(timeout=0)
    with alone_on(samples.WORKLOAD, unheard):
        pass


def test_all_devices_of_a_workload_are_held():
    with alone_on(GPUS, unheard):
        for device in ("cuda:0", "cuda:1"):
            with pytest.raises(Timeout):
                FileLock(lock_file(device)).acquire(timeout=0)
        FileLock(lock_file("cpu")).acquire(timeout=0).lock.release()


def test_without_a_cache_the_lock_bears_the_name_of_its_user(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made in it
    monkeypatch.setattr(device_lock.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(device_lock.os, "getuid", lambda: 1001)
    assert lock_file("cuda:1") == tmp_path / "sebench-1001-cuda-1.lock"


def test_a_lock_that_cannot_be_opened_is_one_line():
    file = lock_file("cpu")
    file.mkdir()
    expected = rf"cannot be locked: {file}: .*; remove that file, or"
    with pytest.raises(DeviceError, match=expected), alone_on(samples.WORKLOAD, unheard):
        pass
