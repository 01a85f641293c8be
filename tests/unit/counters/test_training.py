"""Forward and backward: gradient work, who it belongs to, and what is kept for it."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sebench.counters import count
from sebench.errors import BuildError


class Gate(nn.Module):
    """A functional SE gate: its ops have no modules of their own."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x):
        z = functional.relu(functional.linear(x.mean((2, 3)), self.fc1.weight, self.fc1.bias))
        return x * torch.sigmoid(functional.linear(z, self.fc2.weight, self.fc2.bias))[:, :, None, None]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.pool = nn.MaxPool2d(2)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.se = Gate()
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = self.se(self.conv(x)) + x
        return self.head(self.drop(x.mean((2, 3))))


SHAPE = (2, 4, 8, 8)
STAGES = {"stem": "stem", "conv": "2", "se": "2", "head": "head"}


@pytest.fixture(scope="module")
def cost():
    return count(Net(), SHAPE, phase="training", sites=["se"], stages=STAGES)


def macs(cost, module, phase):
    return sum(op.macs for op in cost.ops if (op.module, op.phase) == (module, phase))


def test_backward_macs_by_hand(cost):
    # stem conv 2*8*64*36 = 36864: weight gradient only, the input needs none
    assert (macs(cost, "stem.0", "forward"), macs(cost, "stem.0", "backward")) == (36864, 36864)
    # grouped conv 2*8*16*(2*9) = 4608: input and weight gradient
    assert (macs(cost, "conv", "forward"), macs(cost, "conv", "backward")) == (4608, 2 * 4608)
    # functional FCs 2*(16 + 16) = 64, head 2*24 = 48: twice as well
    assert (macs(cost, "se", "forward"), macs(cost, "se", "backward")) == (64, 128)
    assert (macs(cost, "head", "forward"), macs(cost, "head", "backward")) == (48, 96)


def test_backward_ops_know_their_module_stage_and_site(cost):
    owners = {(op.op, op.module, op.stage, op.site) for op in cost.ops if op.phase == "backward"}
    assert {
        ("aten.convolution_backward", "stem.0", "stem", None),
        ("aten.native_batch_norm_backward", "stem.1", "stem", None),
        ("aten.threshold_backward", "stem.2", "stem", None),
        ("aten.max_pool2d_with_indices_backward", "pool", "", None),
        ("aten.convolution_backward", "conv", "2", None),
        ("aten.sigmoid_backward", "se", "2", "se"),
        ("aten.threshold_backward", "se", "2", "se"),
        ("aten.mm", "head", "head", None),
    } <= owners
    assert not any(op == "aten.sigmoid_backward" and module != "se" for op, module, _, _ in owners)


def test_no_loss_is_counted(cost):
    assert {op.op for op in cost.ops if op.module == ""} == {"aten.add", "aten.mean", "aten.div"}


def test_saved_bytes_are_those_of_the_real_network(cost):
    model, batch = Net().train(), torch.randn(SHAPE)
    excluded = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers(), batch)}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in excluded:
            storages[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(batch)
    expected = sum(storage.nbytes() for storage in storages.values())
    assert sum(row.saved_bytes for row in cost.saved) == expected


def test_saved_bytes_by_hand_stage_and_site(cost):
    saved = {(row.stage, row.site): row.saved_bytes for row in cost.saved}
    # stem: conv output (batch norm input) 1024, normalised and rectified in place 1024, statistics 2*8
    assert saved["stem", None] == (1024 + 1024 + 16) * 4
    # the gate: its input, the conv's output, 256; squeezed 16, hidden 4, gate 16
    assert saved["2", "se"] == (256 + 16 + 4 + 16) * 4
    # stage 2: the conv's input; the pool's own input is already saved by the stem
    assert saved["2", None] == 256 * 4
    # outside of stages: pool indices 256 * 8, dropout mask 16
    assert saved["", None] == 256 * 8 + 16 * 4
    # head: its input
    assert saved["head", None] == 16 * 4


def test_training_precision(cost):
    half = count(Net(), SHAPE, phase="training", dtype="bfloat16", sites=["se"], stages=STAGES)
    assert [(op.op, op.macs) for op in half.ops] == [(op.op, op.macs) for op in cost.ops]
    assert sum(op.bytes_read for op in half.ops) < 0.6 * sum(op.bytes_read for op in cost.ops)


def test_frozen_parameters_cost_no_gradient():
    model = Net()
    for parameter in model.parameters():
        parameter.requires_grad_(requires_grad=False)
    with pytest.raises(BuildError, match="Net has no output with a gradient: it is frozen"):
        count(model, SHAPE, phase="training")
    model.head.weight.requires_grad_()
    backward = [op for op in count(model, SHAPE, phase="training").ops if op.phase == "backward"]
    assert [(op.op, op.module, op.macs) for op in backward] == [("aten.mm", "head", 48)]


def test_inference_keeps_nothing():
    assert count(Net(), SHAPE).saved == ()


def test_recomputed_forward_is_backward_work():
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, bias=False)
            self.second = nn.Sequential(nn.Conv2d(4, 4, 3, bias=False), nn.Conv2d(4, 4, 3, bias=False))

        def forward(self, x):
            return checkpoint(self.second, self.first(x), use_reentrant=False)

    cost = count(Checkpointed(), (1, 3, 8, 8), phase="training")
    assert (macs(cost, "first", "forward"), macs(cost, "first", "backward")) == (3888, 3888)  # 4*36*27
    # 4*16*36; torch stops recomputing before the last conv, whose result nothing needs
    assert (macs(cost, "second.0", "forward"), macs(cost, "second.0", "backward")) == (2304, 3 * 2304)
    assert (macs(cost, "second.1", "forward"), macs(cost, "second.1", "backward")) == (576, 2 * 576)


def test_outputs_in_containers_all_send_gradients():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 2), nn.Linear(4, 3)

        def forward(self, x):
            return {"one": self.one(x), "rest": [self.two(x), "label"]}

    cost = count(TwoHeads(), (5, 4), phase="training")
    assert (macs(cost, "one", "backward"), macs(cost, "two", "backward")) == (40, 60)
