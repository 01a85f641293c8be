"""The lower bound of memory; the arithmetic is in the comments."""

import pytest

from sebench.runner.counting.pair import least_bytes
from sebench.schema import OpCost, SavedBytes, StaticCost, Workload

SHAPE = (2, 3, 4, 4)  # 96 elements


def op(name, read, written, calls=1):
    return OpCost(op=name, module="m", stage="2", calls=calls, bytes_read=read, bytes_written=written)


def cost(params, *ops, buffers=0, saved=()):
    rows = tuple(SavedBytes(stage="2", site=None, saved_bytes=size) for size in saved)
    return StaticCost(input_shape=SHAPE, params=params, buffers=buffers, ops=ops, saved=rows)


def test_training_holds_both_networks_what_one_side_saves_and_the_others_gradients():
    load = Workload(phase="training", batch_size=2, input_shape=SHAPE)
    baseline = cost(100, buffers=10, saved=(5000, 3000))
    candidate = cost(120, buffers=10, saved=(5000, 3600))
    # weights 4 * (110 + 130) = 960, input 4 * 96 = 384; the candidate saves 8600 while the baseline's
    # gradients, 4 * 100, are still there
    assert least_bytes(load, baseline, candidate) == 960 + 384 + 8600 + 400


def test_inference_holds_both_networks_and_the_largest_operation():
    load = Workload(batch_size=2, input_shape=SHAPE)
    baseline = cost(100, op("aten.convolution", 3000, 1000), op("aten.mul", 60_000, 60_000, calls=100))
    candidate = cost(120, op("aten.convolution", 5000, 1000))
    # weights 4 * 220 = 880, input 384; the convolution's 5000 + 1000 may contain weights (480) and input
    assert least_bytes(load, baseline, candidate) == 880 + 384 + (6000 - 480 - 384)


def test_what_works_in_place_writes_where_it_has_read():
    load = Workload(batch_size=2, input_shape=SHAPE)
    network = cost(0, op("aten.add_", 2000, 1000))
    assert least_bytes(load, network, network) == 384 + (2000 - 384)


def test_small_operations_do_not_make_it_less_than_weights_and_input():
    load = Workload(batch_size=2, input_shape=SHAPE)
    assert least_bytes(load, cost(100, op("aten.relu", 1, 1)), cost(100)) == 800 + 384
    assert least_bytes(load, cost(1), cost(1)) == 8 + 384


@pytest.mark.parametrize(
    ("dtype", "element_bytes"), [("float32", 4), ("bfloat16", 2), ("float16", 2), ("amp-bfloat16", 4)]
)
def test_weights_are_as_long_as_the_module_keeps_them(dtype, element_bytes):
    load = Workload(batch_size=2, input_shape=SHAPE, dtype=dtype)
    assert least_bytes(load, cost(50), cost(54)) == element_bytes * (104 + 96)
