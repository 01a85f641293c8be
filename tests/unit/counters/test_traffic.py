"""Bytes in and out of each op."""

import torch
from torch import nn

from sebench.counters import count


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def traffic(model, shape, **options):
    return [(op.op, op.bytes_read, op.bytes_written) for op in count(model, shape, **options).ops]


def test_a_convolution_reads_input_weight_and_bias():
    # elements: input 3*64, weight 8*27, bias 8 -> 416; output 8*36 = 288
    assert traffic(nn.Conv2d(3, 8, 3), (1, 3, 8, 8)) == [("aten.convolution", 416 * 4, 288 * 4)]


def test_half_precision_halves_every_byte():
    for dtype in ("bfloat16", "float16"):
        conv = traffic(nn.Conv2d(3, 8, 3), (1, 3, 8, 8), dtype=dtype)
        assert conv == [("aten.convolution", 416 * 2, 288 * 2)]
    assert traffic(nn.Conv2d(3, 8, 3), (1, 3, 8, 8), dtype="tf32") == [("aten.convolution", 416 * 4, 288 * 4)]


def test_batch_norm_reads_four_vectors_and_in_training_updates_two():
    # inference: 400 inputs + weight, bias, mean, variance of 8; output 400
    assert traffic(nn.BatchNorm2d(8), (2, 8, 5, 5)) == [("aten.native_batch_norm", 432 * 4, 400 * 4)]
    # training also writes the saved mean and inverse deviation and both running statistics
    forward, _ = traffic(nn.BatchNorm2d(8), (2, 8, 5, 5), phase="training")
    assert forward == ("aten.native_batch_norm", 432 * 4, (400 + 16 + 16) * 4)


def test_in_place_ops_read_and_write():
    assert traffic(nn.ReLU(inplace=True), (1, 3, 4, 4)) == [("aten.relu_", 48 * 4, 48 * 4)]
    assert traffic(Function(lambda x: x.add_(x.detach())), (48,)) == [("aten.add_", 96 * 4, 48 * 4)]


def test_writes_over_old_content_do_not_read_it():
    assert traffic(Function(lambda x: x.zero_()), (48,)) == [("aten.zero_", 0, 48 * 4)]
    assert traffic(Function(lambda x: torch.empty_like(x).copy_(x)), (48,)) == [
        ("aten.copy_", 48 * 4, 48 * 4)
    ]


def test_broadcast_inputs_count_what_they_occupy():
    # 200 elements times 8 gates; expanding the gates first does not change what is read
    expected = [("aten.mul", 208 * 4, 200 * 4)]
    assert traffic(Function(lambda x: x * x[:, :, :1, :1]), (1, 8, 5, 5)) == expected
    assert traffic(Function(lambda x: x * x[:, :, :1, :1].expand_as(x)), (1, 8, 5, 5)) == expected


def test_overlapping_windows_count_their_memory_once():
    # 3 windows of 4 over 8 values: 12 elements, 8 distinct
    assert traffic(Function(lambda x: x.unfold(0, 4, 2).sum()), (8,)) == [("aten.sum", 8 * 4, 4)]


def test_max_pooling_also_writes_its_indices():
    # 8*2*2 values of 4 bytes and as many int64 indices
    assert traffic(nn.MaxPool2d(2), (1, 8, 4, 4)) == [("aten.max_pool2d_with_indices", 128 * 4, 32 * 12)]


def test_empty_tensors_weigh_nothing():
    assert traffic(Function(lambda x: x[:, :0] + 1), (2, 3)) == [("aten.add", 0, 0)]
