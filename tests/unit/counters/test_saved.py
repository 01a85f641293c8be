"""Saved-for-backward bytes: the count on meta tensors against what autograd keeps of the real network."""

import pytest
import torch
from torch import nn

from sebench import models
from sebench.counters import count
from sebench.schema import ModelSpec


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


NETWORKS = [
    ("resnet50", "plain", 2),
    ("resnet50", "se", 2),
    ("mobilenet_v1", "plain", 1),
    ("mobilenet_v1", "se", 1),
]


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
@pytest.mark.parametrize(("model", "variant", "batch_size"), NETWORKS[1:3])  # each layer of them once
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
