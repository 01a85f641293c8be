"""Bytes in and out of each op."""

import pytest
import torch
from torch import nn

from sebench import models
from sebench.counters import count
from sebench.schema import ModelSpec


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


def kept_bytes(module, batch):
    """Storages that a forward pass saves, each once, without those of the network and its input."""
    held = (*module.parameters(), *module.buffers(), batch)
    alive = {tensor.untyped_storage().data_ptr() for tensor in held}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in alive:
            storages[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = module(batch)
    assert output.grad_fn is not None
    return sum(storage.nbytes() for storage in storages.values())


# Each layer of them once.
NETWORKS = [("resnet50", "se", 2), ("mobilenet_v1", "plain", 1)]


def counted_and_kept(model, variant, batch_size, dtype):
    built = models.build(ModelSpec(model=model, variant=variant), seed=1)
    module = built.module.train().to(dtype)
    shape = (batch_size, 3, 96, 96)  # three pixels a side in the end: odd, as seven of 224 are
    name = str(dtype).removeprefix("torch.")
    cost = count(module, shape, phase="training", dtype=name, sites=built.sites, stages=built.stages)
    batch = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    return module, sum(row.saved_bytes for row in cost.saved), kept_bytes(module, batch)


@pytest.mark.parametrize(("model", "variant", "batch_size"), NETWORKS)
def test_the_count_agrees_to_the_byte(model, variant, batch_size):
    _, counted, kept = counted_and_kept(model, variant, batch_size, torch.float32)
    assert counted == kept


@pytest.mark.slow
@pytest.mark.parametrize(("model", "variant", "batch_size"), NETWORKS)
def test_in_bfloat16_all_but_the_statistics_agree_to_the_byte(model, variant, batch_size):
    module, counted, kept = counted_and_kept(model, variant, batch_size, torch.bfloat16)
    channels = sum(norm.num_features for norm in module.modules() if isinstance(norm, nn.BatchNorm2d))
    # mean and inverse deviation of each channel: 4 bytes as on GPUs, where the CPU keeps 2
    assert counted - kept == channels * 2 * (4 - 2)


def test_attention_keeps_no_scores():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    kept = {}
    for length in (50, 100):
        kept[length] = kept_bytes(layer, torch.randn(3, length, 8))
        cost = count(layer, (3, length, 8), phase="training")
        assert sum(row.saved_bytes for row in cost.saved) == kept[length]
    assert kept[100] == 2 * kept[50]  # scores would be four times as many
