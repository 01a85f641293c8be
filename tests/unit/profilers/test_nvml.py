"""The management library replayed: values, missing permissions, MIG, no library at all."""

import os
from types import SimpleNamespace

import pytest

from sebench.errors import DeviceError
from sebench.profilers.device import joules_between
from sebench.profilers.nvml import open_reader
from sebench.schema import DeviceState


class NVMLError(Exception):
    pass


def library(**answers):
    """A pynvml whose functions answer, or raise what is an exception."""
    values = {
        "nvmlInit": None,
        "nvmlDeviceGetHandleByUUID": "handle",
        "nvmlDeviceGetClockInfo": 1980,
        "nvmlDeviceGetTemperature": 41,
        "nvmlDeviceGetPowerUsage": 350_500,
        "nvmlDeviceGetCurrentClocksThrottleReasons": 0x4 | 0x40,
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=123),
        "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=os.getpid()), SimpleNamespace(pid=1)],
        "nvmlSystemGetDriverVersion": "570.1",
        "nvmlDeviceGetEnforcedPowerLimit": 700_000,
        "nvmlDeviceGetPersistenceMode": 1,
        "nvmlDeviceGetEccMode": [1, 1],
        "nvmlDeviceGetMigMode": [0, 0],
        "nvmlDeviceGetTotalEnergyConsumption": 123_456_789,
        **answers,
    }
    asked = []

    def function(name, value):
        def call(*arguments):
            asked.append((name, *arguments))
            if isinstance(value, Exception):
                raise value
            return value

        return call

    fake = SimpleNamespace(
        NVMLError=NVMLError, NVML_CLOCK_SM=1, NVML_CLOCK_MEM=2, NVML_TEMPERATURE_GPU=0, asked=asked
    )
    for name, value in values.items():
        setattr(fake, name, function(name, value))
    return fake


def test_everything_in_base_units():
    fake = library()
    state = open_reader("abc", fake).state()
    assert state == DeviceState(
        sm_clock_hz=1.98e9, memory_clock_hz=1.98e9, temperature_c=41.0, power_w=350.5,
        slowdowns=("power-cap", "hw-thermal"), used_bytes=123, other_processes=1,
    )  # fmt: skip
    assert (
        "nvmlDeviceGetHandleByUUID",
        "GPU-abc",
    ) in fake.asked  # by UUID, whatever CUDA_VISIBLE_DEVICES says


def test_facts():
    assert open_reader("GPU-abc", library()).facts() == {
        "driver": "570.1", "power_limit_w": 700.0, "persistence": True, "ecc": True, "mig": False,
    }  # fmt: skip
    assert open_reader("abc", library(nvmlDeviceGetMigMode=[1, 1])).facts()["mig"] is True


def test_what_is_not_permitted_is_unknown_and_the_rest_is_read():
    denied = NVMLError("Insufficient Permissions")
    state = open_reader(
        "abc", library(nvmlDeviceGetPowerUsage=denied, nvmlDeviceGetComputeRunningProcesses=denied)
    ).state()
    assert (state.power_w, state.other_processes, state.temperature_c) == (None, None, 41.0)


def test_an_older_library_lacks_functions():
    fake = library()
    del fake.nvmlDeviceGetCurrentClocksThrottleReasons
    assert open_reader("abc", fake).state().slowdowns == ()


@pytest.mark.parametrize(
    "answers",
    [{"nvmlInit": NVMLError("Driver Not Loaded")}, {"nvmlDeviceGetHandleByUUID": NVMLError("Not Found")}],
)
def test_no_driver_or_no_such_gpu_is_no_reader(answers):
    assert open_reader("abc", library(**answers)) is None
    assert open_reader(None) is None


@pytest.mark.parametrize(("listed", "others"), [(0, 0), (1, 0), (2, 1)])
def test_one_of_the_processes_is_this_one_under_whatever_number(listed, others):
    processes = [SimpleNamespace(pid=-number) for number in range(1, listed + 1)]
    state = open_reader("abc", library(nvmlDeviceGetComputeRunningProcesses=processes)).state()
    assert state.other_processes == others


def test_the_energy_of_the_board_in_millijoules():
    counter = open_reader("abc", library()).energy_counter()
    assert (counter.name, counter.read()) == ("nvml", (123_456_789,))
    assert joules_between(counter.zones, (123_456_789,), (123_461_789,)) == pytest.approx(5.0)


@pytest.mark.parametrize("error", ["Not Supported", "Insufficient Permissions"])
def test_an_energy_counter_that_cannot_be_read_says_why(error):
    reader = open_reader("abc", library(nvmlDeviceGetTotalEnergyConsumption=NVMLError(error)))
    with pytest.raises(DeviceError, match=f"cannot be read: {error}; measure without --energy"):
        reader.energy_counter()


def test_a_library_without_the_counter_says_so():
    fake = library()
    del fake.nvmlDeviceGetTotalEnergyConsumption
    with pytest.raises(DeviceError, match="cannot be read"):
        open_reader("abc", fake).energy_counter()


@pytest.mark.parametrize(("uuid", "mode"), [("abc", [1, 1]), ("MIG-abc", NVMLError("Not Supported"))])
def test_a_split_gpu_has_no_energy_of_its_own(uuid, mode):
    with pytest.raises(DeviceError, match=r"split \(MIG\), but its counter covers the whole board"):
        open_reader(uuid, library(nvmlDeviceGetMigMode=mode)).energy_counter()


def test_an_instance_is_found_by_the_uuid_that_torch_gives():
    fake = library()
    found = fake.nvmlDeviceGetHandleByUUID

    def by_uuid(name):
        if name.startswith("GPU-"):
            raise NVMLError("Not Found")
        return found(name)

    fake.nvmlDeviceGetHandleByUUID = by_uuid
    assert open_reader("abc", fake).facts()["mig"] is True
