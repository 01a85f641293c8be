"""What a call is given, as its op's schema names it."""

import pytest
import torch

from sebench.counters.arguments import signature_of, tensors_among

aten = torch.ops.aten
ONE, TWO, THREE = (torch.zeros(1) for _ in range(3))


def test_tensors_are_found_in_order_wherever_a_schema_allows_them():
    found = tensors_among((ONE, [1, 2], [TWO, None], None, 3), {"alpha": 1.5, "out": (THREE,)})
    assert [id(tensor) for tensor in found] == [id(ONE), id(TWO), id(THREE)]


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "has_bias"),
    [
        (aten.convolution.default, (ONE, TWO, THREE), {}, True),
        (aten.convolution.default, (ONE, TWO, None), {}, False),
        (aten.convolution.default, (ONE, TWO), {"bias": THREE}, True),
        (aten.addmm.default, (ONE, TWO, THREE), {}, True),
        (aten.mm.default, (ONE, TWO), {}, False),
    ],
)
def test_whether_there_is_a_bias(func, args, kwargs, has_bias):
    assert signature_of(func).has_bias(args, kwargs) is has_bias


@pytest.mark.parametrize(
    ("args", "kwargs", "window"),
    [
        ((ONE, [7, 7]), {}, (7, 7)),
        ((ONE, [7, 7], [1, 1], [0, 0]), {}, (7, 7)),
        ((ONE, [3, 3], [2, 2], [1, 1]), {}, None),
        ((ONE,), {"kernel_size": [2, 2]}, (2, 2)),
    ],
)
def test_the_window_of_a_pooling_without_padding(args, kwargs, window):
    assert signature_of(aten.avg_pool2d.default).window(args, kwargs) == window


def test_only_poolings_have_a_window():
    assert signature_of(aten.im2col.default).window((ONE, [2, 2], [1, 1], [0, 0], [1, 1]), {}) is None


def test_what_is_written_to():
    batch_norm = signature_of(aten.native_batch_norm.out)
    outputs = {"out": ONE, "save_mean": TWO, "save_invstd": THREE}
    assert [id(tensor) for tensor in batch_norm.written((), outputs)] == [id(ONE), id(TWO), id(THREE)]
    assert list(signature_of(aten.add.Tensor).written((ONE, TWO), {})) == []
    assert [id(tensor) for tensor in signature_of(aten.add_.Tensor).written((ONE, TWO), {})] == [id(ONE)]


def test_views_share_memory_and_copies_do_not():
    assert signature_of(aten.view.default).shares
    assert signature_of(aten._unsafe_view.default).shares  # its schema does not say so
    assert not signature_of(aten.clone.default).shares
