"""Batches beyond the machine's memory are refused on counts alone."""

import pytest

from sebench.errors import BuildError
from sebench.runner.counting.counter import Counter
from sebench.runner.counting.pair import require_memory
from sebench.runner.planning.plan import resolve_spec
from sebench.schema import Pair, Session, Workload


def session(batch_size, **fields):
    pair = Pair(
        baseline=resolve_spec("cifar_wrn16_8", "plain"), candidate=resolve_spec("cifar_wrn16_8", "se")
    )
    load = Workload(batch_size=batch_size, input_shape=(batch_size, 3, 32, 32), **fields)
    return Session(pair=pair, workload=load)


def test_what_is_too_large_names_need_and_room():
    memory = {"available_bytes": 2**30, "limit_bytes": None}
    with pytest.raises(BuildError) as caught:
        require_memory(session(1_000_000, phase="training"), memory, Counter(None))
    message = str(caught.value)
    assert message.startswith("batch 1000000 of cifar_wrn16_8 (training) needs at least ")
    assert message.endswith(" of memory, 1.00 GiB are available; choose a smaller --batch-size")


def test_the_limit_of_the_group_counts_where_it_is_tighter():
    with pytest.raises(BuildError, match=r"1\.00 MiB are available"):
        require_memory(session(1), {"available_bytes": 2**40, "limit_bytes": 2**20}, Counter(None))


@pytest.mark.parametrize("dtype", ["bfloat16", "amp-bfloat16"])
def test_other_number_formats_are_bounded_too(dtype):
    with pytest.raises(BuildError, match="needs at least"):
        require_memory(session(64, phase="training", dtype=dtype), {"available_bytes": 2**20}, Counter(None))


@pytest.mark.parametrize(
    ("fields", "memory"),
    [
        ({}, {"available_bytes": 2**40, "limit_bytes": None}),
        ({}, {"available_bytes": None, "limit_bytes": None}),
        ({}, {}),
        ({"device": "cuda:0"}, {"available_bytes": 1}),
    ],
)
def test_what_fits_is_unknown_or_lies_elsewhere_passes(fields, memory):
    require_memory(session(8, **fields), memory, Counter(None))
