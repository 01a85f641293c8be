"""What a runtime is called and can do, and the two names that a workload has for it."""

import dataclasses
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from sebench.profilers.runtimes import PREPARE
from sebench.reporting.series import workload_name
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.process_plan import silence_limit_s
from sebench.runner.planning.workloads import require_support
from sebench.schema import (
    COLUMN_OPTIONS,
    RUNTIMES,
    ModelSpec,
    Runtime,
    RuntimeInfo,
    TimingPolicy,
    Workload,
    fingerprint,
    runtime_info,
    workload_identity,
)
from sebench.store import load_result

DATA = Path(__file__).parents[3] / "reports" / "cpu-amd-epyc" / "data"
IMAGE = (1, 3, 224, 224)
decode = msgspec.json.Decoder(Workload).decode


def test_the_catalogue_has_every_runtime_in_order():
    assert tuple(info.name for info in RUNTIMES) == get_args(Runtime)
    assert [runtime_info(info.name) for info in RUNTIMES] == list(RUNTIMES)


@pytest.mark.parametrize("info", RUNTIMES, ids=lambda info: info.name)
def test_a_runtime_reaches_every_consumer(info):
    assert callable(PREPARE[info.name])
    option = COLUMN_OPTIONS["runtime"]
    assert info.name in option.choices
    assert f"{info.name}, {info.help}" in option.help
    workload = Workload(input_shape=IMAGE, runtime=info.name)
    assert silence_limit_s(TimingPolicy(timeout_s=10.0), workload) == 10.0 * info.patience
    # What it says of itself does not contradict itself.
    device, ranks = info.devices[0], info.world_sizes[0]
    require_support(info, device=device, phase=info.phases[0], dtype=info.dtypes[0], world_size=ranks)


def test_what_a_runtime_can_do():
    some = RuntimeInfo(name="eager", help="", verb="run", devices=("cuda",), world_sizes=(2, 4))
    assert [some.runs_on(device) for device in ("cuda", "cuda:3", "cpu")] == [True, True, False]
    assert [some.takes_ranks(ranks) for ranks in (1, 2, 4, 5)] == [False, True, True, False]
    assert runtime_info("eager").takes_ranks(1000)


@pytest.mark.parametrize(
    ("text", "runtime"),
    [
        ("", "eager"),
        ('"execution": "compile",', "compile"),
        ('"runtime": "compile",', "compile"),
        ('"runtime": "compile", "execution": "compile",', "compile"),
        # What was written by this version is `runtime`.
        ('"runtime": "compile", "execution": "eager",', "compile"),
    ],
)
def test_a_file_may_have_either_name(text, runtime):
    found = decode(f'{{{text} "input_shape": [1, 3, 224, 224]}}')
    assert (found.runtime, found.execution) == (runtime, runtime)
    assert (
        found
        == Workload(input_shape=IMAGE, runtime=runtime)
        == Workload(input_shape=IMAGE, execution=runtime)
    )
    assert hash(found) == hash(Workload(input_shape=IMAGE, runtime=runtime))


def test_a_file_with_an_unknown_runtime_is_refused():
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'turbo'"):
        decode('{"execution": "turbo", "input_shape": [1, 3, 224, 224]}')


def test_both_names_are_written():
    written = msgspec.to_builtins(Workload(input_shape=IMAGE, runtime="cudagraph"))
    assert (written["runtime"], written["execution"]) == ("cudagraph", "cudagraph")


def test_another_runtime_changes_both_names():
    compiled = Workload(input_shape=IMAGE, runtime="compile", threads=2)
    assert replace(compiled, runtime="eager") == Workload(input_shape=IMAGE, threads=2)
    assert replace(compiled, threads=1).execution == "compile"


@pytest.mark.parametrize(
    ("name", "calibration"),
    [
        # As version 0.1 named them.
        ("20261121T031454502319Z-resnet50-plain-se-e9bcb3", "37d42414c7ebe3a23805840ba960d32d"),
        ("20261121T063818278157Z-resnet50-plain-se-5b861e", "1d2120aa2c8b74d963b6a630730f6ea7"),
        ("20261121T124400852943Z-resnet50-plain-se-cf6e51", "76fdfb5fc114eb5d4c2dfc843845846c"),
    ],
)
def test_calibrations_of_stored_results_are_found_where_they_were(name, calibration):
    result = load_result(DATA / f"{name}.json")
    workload = result.measurements[0].workload
    path = Calibrations(Path()).path(fingerprint(result.environment), result.pair.candidate, workload)
    assert path.stem == calibration
    assert workload.runtime == "eager"


def test_keys_and_names_of_series_are_those_of_the_first_version():
    workload = Workload(
        device="cuda:0",
        phase="training",
        batch_size=64,
        input_shape=(64, 3, 224, 224),
        dtype="tf32",
        runtime="compile",
        optimizer="sgd",
        world_size=2,
        micro_batch_size=8,
    )
    assert workload_name(workload) == (
        "cuda:0 training 64x3x224x224 tf32, 1 thread, "
        "execution=compile, optimizer=sgd, micro_batch_size=8, world_size=2"
    )
    assert Calibrations(Path()).path("f" * 64, ModelSpec(model="resnet50", variant="se"), workload).stem == (
        "175f26e67c17f1e5b1bf896232a0b90c"
    )
    assert msgspec.json.encode(workload_identity(workload)) == (
        b'{"device":"cuda:0","phase":"training","batch_size":64,"input_shape":[64,3,224,224],"dtype":"tf32",'
        b'"memory_format":"contiguous","threads":1,"execution":"compile","optimizer":"sgd","world_size":2,'
        b'"micro_batch_size":8,"cudnn_benchmark":true}'
    )


def test_a_later_field_is_part_of_a_key_only_where_it_is_not_as_usual():
    option = dataclasses.replace(COLUMN_OPTIONS["threads"], usual=1, later=True)
    usual, other = (Workload(input_shape=IMAGE, threads=threads) for threads in (1, 2))
    assert "threads" not in workload_identity(usual, [option])
    assert workload_identity(other, [option])["threads"] == 2
