"""What a network reaches is its twin's: through closures, methods, weak references, lists and classes."""

import functools
import threading
import types
import weakref

import pytest
import torch
from torch import nn

from sebench.counters import count
from sebench.errors import BuildError

SHAPE = (2, 3, 8, 8)


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


class Net(nn.Module):
    """Written with a method: the count that every other way to write it has to give."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = conv(3, 8), nn.BatchNorm2d(8), conv(8, 8)

    def front(self, x):
        return self.norm(self.first(x))

    def forward(self, x):
        return self.second(self.front(x))


class Kept(Net):
    """Keeps a function that leads to itself."""

    def __init__(self, function_of):
        super().__init__()
        self.kept = function_of(self)

    def front(self, x):
        return self.kept(x)


class Helper:
    """An object with a lock that runs a network."""

    def __init__(self, net):
        self.net, self.lock = net, threading.Lock()

    def __call__(self, x):
        with self.lock:
            return self.net.norm(self.net.first(x))


def in_two(net):
    parts = [net.first, {"norm": net.norm}]
    return lambda x: parts[1]["norm"](parts[0](x))


def nested(net):
    def outer():
        return lambda x: net.norm(net.first(x))

    return outer()


def recursive(net):
    def apply(x, layers):
        return apply(layers[0](x), layers[1:]) if layers else x

    return lambda x: apply(x, (net.first, net.norm))


def weak(net):
    reference = weakref.ref(net)
    return lambda x: reference().norm(reference().first(x))


def proxy(net):
    stand_in = weakref.proxy(net)
    return lambda x: stand_in.norm(stand_in.first(x))


KEEPING = {
    "lambda": lambda net: lambda x: net.norm(net.first(x)),
    "default": lambda net: lambda x, own=net: own.norm(own.first(x)),
    "keyword default": lambda net: lambda x, *, own=net: own.norm(own.first(x)),
    "bound method": lambda net: types.MethodType(Net.front, net),
    "method of another": lambda net: Helper(net).__call__,
    "object": Helper,
    "partial": lambda net: functools.partial(Net.front, net),
    "partial by keyword": lambda net: functools.partial(lambda x, own: Net.front(own, x), own=net),
    "partial of a lambda": lambda net: functools.partial(lambda x: Net.front(net, x)),
    "cached": lambda net: functools.lru_cache(lambda x: Net.front(net, x)),
    "wrapped": lambda net: functools.wraps(Net.front)(lambda x: Net.front(net, x)),
    "containers": in_two,
    "nested": nested,
    "recursive": recursive,
    "weak reference": weak,
    "weak proxy": proxy,
}


@pytest.fixture(scope="module")
def expected():
    # forward 2*8*64*27 + 2*8*64*72 = 27648 + 73728; both weight gradients, the second input gradient
    forward, training = count(Net(), SHAPE), count(Net(), SHAPE, phase="training")
    assert sum(op.macs for op in forward.ops) == 101_376
    assert sum(op.macs for op in training.ops) == 101_376 + 27_648 + 2 * 73_728
    return {"inference": forward, "training": training}


@pytest.mark.parametrize("way", KEEPING)
def test_a_function_over_the_model_is_the_twins(way, expected):
    net = Kept(KEEPING[way])
    net.eval()
    for phase, cost in expected.items():
        assert count(net, SHAPE, phase=phase) == cost
        # a twin is put into bfloat16 as a whole
        assert count(net, SHAPE, phase=phase, dtype="bfloat16") == count(
            Net(), SHAPE, phase=phase, dtype="bfloat16"
        )
    assert (net.norm.num_batches_tracked, net.norm.training) == (0, False)
    assert net.first.weight.grad is None


def test_a_class_defined_over_a_module_runs_the_twin():
    layer, norm, expected = (
        conv(3, 8),
        nn.BatchNorm2d(8),
        count(nn.Sequential(conv(3, 8), nn.BatchNorm2d(8)), SHAPE),
    )

    class Local(nn.Module):
        def forward(self, x):
            return norm(layer(x))

    class Overridden(Local):
        def forward(self, x):
            return super().forward(x) if self.training else x.relu()

    norm.eval()
    cost = count(Local(), SHAPE, phase="training")
    assert sum(op.macs for op in cost.ops) == 2 * 27_648
    assert (norm.num_batches_tracked, layer.weight.grad) == (0, None)
    assert [(op.op, op.bytes_read) for op in count(Local(), SHAPE).ops] == [
        (op.op, op.bytes_read) for op in expected.ops
    ]
    assert [op.op for op in count(Overridden(), SHAPE).ops] == ["aten.relu"]


def test_hooks_reach_the_twin_of_a_gate_that_is_not_registered():
    net, gate = (
        nn.Sequential(conv(3, 8)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1, bias=False)),
    )
    net[0].register_forward_hook(lambda module, inputs, output: output * gate(output))
    forward, cost = count(net, SHAPE), count(net, SHAPE, phase="training")
    # the conv 27648, the gate 2*64 = 128: forward, both weight gradients, the gate's input gradient
    assert sum(op.macs for op in forward.ops) == 27_648 + 128
    assert sum(op.macs for op in cost.ops) == 2 * 27_648 + 3 * 128
    assert forward.params == 8 * 27
    assert gate[1].weight.grad is None


def test_modules_in_a_plain_list_are_trained_too():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.layers = (
                nn.Linear(4, 4, bias=False),
                [nn.Linear(4, 4, bias=False) for _ in range(2)],
            )

        def forward(self, x):
            for layer in (self.stem, *self.layers):
                x = layer(x)
            return x

    cost = count(Listed(), (5, 4), phase="training")
    # three products of 5*16 = 80: forward, weight gradients, and input gradients of the last two
    assert sum(op.macs for op in cost.ops) == (3 + 3 + 2) * 80
    # the inputs of the second and third; the unregistered weights are alive anyway
    assert sum(row.saved_bytes for row in cost.saved) == 2 * 5 * 4 * 4
    assert cost.params == 16


def test_a_trained_tensor_that_is_no_parameter_gets_its_gradient():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = [torch.randn(4, 3, requires_grad=True)]

        def forward(self, x):
            return x @ self.weight[0]

    net = Scaled()
    assert sum(op.macs for op in count(net, (5, 4), phase="training").ops) == 2 * 5 * 4 * 3
    assert net.weight[0].grad is None


def test_a_network_that_reaches_itself_by_a_global_name_is_refused(monkeypatch):
    class Global(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x):
            return functools.reduce(lambda value, layer: layer(value), KEEPING["global"], x)

    net = Global()
    monkeypatch.setitem(KEEPING, "global", [net.net])
    for phase in ("inference", "training"):
        with pytest.raises(BuildError, match="Global reaches its own 'net.first.weight' through a global"):
            count(net, SHAPE, phase=phase)
    assert net.net.first.weight.grad is None


def test_a_kept_feature_map_is_no_obstacle(expected):
    class Watched(Net):
        def __init__(self):
            super().__init__()
            self.maps, self.latest = [], {}
            self.first.register_forward_hook(lambda module, inputs, output: self.maps.append(output))
            self.second.register_forward_hook(self.keep)
            self(torch.zeros(SHAPE))

        def keep(self, module, inputs, output):
            self.latest["out"] = (output, types.SimpleNamespace(output=output))

    net = Watched()
    kept = net.latest["out"]
    for phase, cost in expected.items():
        assert count(net, SHAPE, phase=phase) == cost
    assert len(net.maps) == 1
    assert net.latest["out"] is kept


class FrozenNorm(Net):
    """As detectors freeze batch norm: in ``train()``."""

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        for parameter in self.norm.parameters():
            parameter.requires_grad_(requires_grad=False)
        return self


def test_train_is_the_networks_own():
    net = FrozenNorm()
    cost = count(net, SHAPE, phase="training")
    forward = [op for op in cost.ops if op.module == "norm" and op.phase == "forward"]
    backward = [op for op in cost.ops if op.module == "norm" and op.phase == "backward"]
    # 2*8*64 = 1024 elements: 2 each with running statistics; one scale each for the input gradient
    assert [(op.op, op.flops) for op in forward + backward] == [
        ("aten.native_batch_norm", 2 * 1024),
        ("aten.native_batch_norm_backward", 1024),
    ]
    assert net.norm.training
    assert net.norm.weight.requires_grad


def test_an_exported_program_is_counted_in_the_mode_of_its_export(expected):
    program = torch.export.export(Net().eval(), (torch.zeros(SHAPE),)).module()
    for net in (program, nn.Sequential(program)):
        assert sum(op.flops for op in count(net, SHAPE).ops) == sum(
            op.flops for op in expected["inference"].ops
        )
        with pytest.raises(BuildError, match="cannot be put into training mode.*count inference"):
            count(net, SHAPE, phase="training")
