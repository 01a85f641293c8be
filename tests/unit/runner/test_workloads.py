"""From what was asked for to workloads."""

import re

import pytest

from sebench.errors import UsageError
from sebench.profilers.environment import usable_cores
from sebench.runner.planning.workloads import image_size, on_this_machine, require_support, workloads
from sebench.schema import RuntimeInfo, WorkloadRequest

IMAGE = (3, 224, 224)


def made(**fields):
    return [(w.device, w.phase, w.input_shape) for w in workloads(WorkloadRequest(**fields), IMAGE)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("cpu", "inference", (1, *IMAGE))]),
        ({"batch_size": 8}, [("cpu", "inference", (8, *IMAGE))]),
        ({"phase": "training"}, [("cpu", "training", (16, *IMAGE))]),
        ({"phase": "training", "batch_size": 4}, [("cpu", "training", (4, *IMAGE))]),
        ({"device": "cuda:0", "phase": "inference"}, [("cuda:0", "inference", (1, *IMAGE))]),
        ({"device": "cuda:0", "phase": "training"}, [("cuda:0", "training", (256, *IMAGE))]),
        # Section 4 of the paper: a single image on the CPU, and a minibatch of 256 on the GPU
        ({"device": "cuda:0"}, [("cpu", "inference", (1, *IMAGE)), ("cuda:0", "training", (256, *IMAGE))]),
        (
            {"device": "cuda:0", "batch_size": 64},
            [("cpu", "inference", (1, *IMAGE)), ("cuda:0", "training", (64, *IMAGE))],
        ),
    ],
)
def test_what_is_measured_where(fields, expected):
    assert made(**fields) == expected


def test_the_single_image_on_the_cpu_is_as_the_paper_has_it_whatever_the_gpu_does():
    asked = WorkloadRequest(device="cuda:0", dtype="tf32", runtime="cudagraph", optimizer="sgd", threads=4)
    single_image, training = workloads(asked, IMAGE)
    assert (single_image.dtype, single_image.runtime, single_image.threads) == ("float32", "eager", 4)
    assert (training.dtype, training.runtime, training.optimizer) == ("tf32", "cudagraph", "sgd")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threads": 0}, "--threads 0 is not positive"),
        ({"batch_size": 0}, "--batch-size 0 is not positive"),
        ({"dtype": "tf32"}, "--dtype tf32 exists on CUDA devices only"),
        ({"runtime": "cudagraph"}, "--runtime cudagraph exists on CUDA devices only, not on cpu"),
        ({"optimizer": "sgd"}, "--optimizer sgd needs a training step"),
        ({"world_size": 0}, "--world-size 0 is not positive"),
        ({"world_size": 2}, "--world-size 2 needs a training step; add --phase training"),
        ({"world_size": 2, "phase": "inference", "device": "cuda:0"}, "--world-size 2 needs a training step"),
        (
            {"world_size": 2, "phase": "training", "batch_size": 7},
            "--batch-size 7 cannot be split evenly over --world-size 2; use --batch-size 6",
        ),
        ({"world_size": 4, "phase": "training", "batch_size": 3}, "--world-size 4; use --batch-size 4"),
        (
            {"world_size": 2, "phase": "training", "device": "cuda:0", "runtime": "cudagraph"},
            "--runtime cudagraph cannot capture a step of --world-size 2; "
            "use --runtime eager or --runtime compile",
        ),
    ],
)
def test_options_that_contradict_each_other(fields, message):
    with pytest.raises(UsageError, match=message):
        made(**fields)


def test_ranks_are_part_of_the_training_workload_only():
    single_image, training = workloads(WorkloadRequest(device="cuda:0", world_size=8), IMAGE)
    assert (single_image.world_size, training.world_size, training.batch_size) == (1, 8, 256)
    assert training.rank_input_shape == (32, *IMAGE)


EAGER = RuntimeInfo(name="eager", help="", verb="run")
EXPORTED = RuntimeInfo(
    name="compile", help="", verb="export", phases=("inference",), dtypes=("float32",), devices=("cpu", "xpu")
)
SUPPORTED = {"device": "cpu", "phase": "inference", "dtype": "float32", "world_size": 1}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"device": "cuda:1"}, "--runtime compile exists on CPU and XPU devices only, not on cuda:1; use"),
        (
            {"phase": "training"},
            "--runtime compile cannot export a step of --phase training; use --runtime e",
        ),
        (
            {"dtype": "float16"},
            "--runtime compile cannot export a step of --dtype float16; use --runtime e",
        ),
    ],
)
def test_what_a_runtime_cannot_do_is_refused_with_those_that_can(asked, message):
    require_support(EXPORTED, **SUPPORTED, known=(EAGER, EXPORTED))
    with pytest.raises(UsageError) as caught:
        require_support(EXPORTED, **{**SUPPORTED, **asked}, known=(EAGER, EXPORTED))
    assert re.search(message, str(caught.value))


def test_a_word_that_is_no_choice_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="--runtime 'eagr' is not a choice; did you mean 'eager'?"):
        on_this_machine(WorkloadRequest(runtime="eagr"))


def test_what_is_not_said_follows_from_the_machine():
    found = on_this_machine(WorkloadRequest(device="cpu", image_size="64x96"))
    assert (found.device, found.threads, found.dtype) == ("cpu", usable_cores(), None)
    assert image_size(found) == (64, 96)
    assert image_size(WorkloadRequest()) is None
