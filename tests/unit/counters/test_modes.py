"""One network, one computation: grad modes, autocast and devices that a forward chooses itself."""

import collections
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from sebench.counters import count
from sebench.errors import BuildError


class Run(nn.Module):
    """Runs modules by a function, with some context around them."""

    def __init__(self, function, *layers, context=torch.enable_grad):
        super().__init__()
        self.layers, self.function, self.context = nn.ModuleList(layers), function, context

    def forward(self, x):
        with self.context():
            return self.function(x, *self.layers)


def figures(module, shape, **options):
    cost = count(module, shape, **options)
    assert cost.uncounted == ()
    return [
        (op.op, op.calls, op.macs, op.paper_macs, op.flops, op.bytes_read, op.bytes_written)
        for op in cost.ops
    ]


RECURRENT = {
    "LSTM": (nn.LSTM, 4 * 5 * 11),
    "GRU": (nn.GRU, 3 * 5 * 11),
    "RNN": (nn.RNN, 5 * 11),
    "LSTM of two layers and directions": (
        lambda *sizes, **options: nn.LSTM(*sizes, num_layers=2, bidirectional=True, **options),
        2 * 4 * 5 * 11 + 2 * 4 * 5 * 15,
    ),
}


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_layers_cost_the_same_in_every_grad_mode(kind):
    make, macs = RECURRENT[kind]
    layer = make(6, 5, batch_first=True)

    def seen(context):
        return figures(Run(lambda x, rnn: rnn(x)[0], layer, context=context), (1, 8, 6))

    plain = seen(torch.no_grad)
    assert sum(row[2] for row in plain) == sum(row[3] for row in plain) == 8 * macs  # no residual add in it
    assert seen(torch.inference_mode) == plain
    assert seen(lambda: torch.inference_mode(mode=False)) == plain


def composites(x, head):
    x = functional.scaled_dot_product_attention(x, x, x)
    x = torch.einsum("bnc,bmc->bnm", x, x) @ x
    x = functional.group_norm(functional.instance_norm(x), 2)
    return head(functional.adaptive_avg_pool1d(x, 1).squeeze(2))


def test_composites_cost_the_same_in_every_grad_mode():
    layers = (nn.Linear(16, 3),)
    modes = (torch.no_grad, torch.inference_mode, torch.enable_grad)
    plain, *others = (figures(Run(composites, *layers, context=mode), (2, 16, 8)) for mode in modes)
    assert others == [plain, plain]


def test_a_decorated_forward_is_counted():
    class Decorated(nn.Linear):
        @torch.inference_mode()
        def forward(self, x):
            return super().forward(x)

    assert figures(Decorated(4, 3), (2, 4)) == figures(nn.Linear(4, 3), (2, 4))


def test_what_inference_mode_made_cannot_be_trained_on():
    """As in torch: a linear layer's input is saved for its weight's gradient."""

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            with torch.inference_mode():
                x = self.first(x)
            return self.second(x)

    assert sum(row[2] for row in figures(Mixed(), (2, 4))) == 2 * (16 + 8)
    with pytest.raises(BuildError, match=r"torch\.inference_mode cannot be saved for the backward pass"):
        count(Mixed(), (2, 4), phase="training")
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        Mixed()(torch.zeros(2, 4))


def test_a_forward_may_take_gradients_of_its_parameters_in_inference():
    def gradient(x, layer):
        return torch.autograd.grad(layer(x).sum(), [layer.weight])[0]

    rows = figures(Run(gradient, nn.Linear(4, 3)), (2, 4))
    assert sum(row[2] for row in rows) == 2 * (2 * 4 * 3)


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def test_autocast_in_a_forward_counts_what_runs():
    layer = nn.Linear(4, 3)
    rows = figures(Run(lambda x, fc: functional.relu(fc(x)), layer, context=autocast), (2, 4))
    # input 8, weight 12 and bias 3 elements become bfloat16; then 2 bytes each, and 6 results
    assert [(op, read, written) for op, _, _, _, _, read, written in rows] == [
        ("aten._to_copy", (8 + 12 + 3) * 4, (8 + 12 + 3) * 2),
        ("aten.addmm", (8 + 12 + 3) * 2, 6 * 2),
        ("aten.relu", 6 * 2, 6 * 2),
    ]
    assert sum(row[2] for row in rows) == 24


@pytest.mark.parametrize(
    "context",
    [
        lambda: torch.autocast("cpu", enabled=False),
        lambda: torch.autocast("cpu", dtype=torch.bfloat16, enabled=False),
    ],
)
def test_autocast_that_is_off_changes_nothing(context):
    layer = nn.Linear(4, 3)
    for phase in ("inference", "training"):
        plain = figures(Run(lambda x, fc: fc(x), layer), (2, 4), phase=phase)
        assert figures(Run(lambda x, fc: fc(x), layer, context=context), (2, 4), phase=phase) == plain


def test_autocast_by_the_device_of_the_input_and_around_a_count():
    def cast(x, layer):
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return layer(x)

    layer = nn.Linear(4, 3)
    expected = figures(Run(lambda x, fc: fc(x), layer, context=autocast), (2, 4))
    assert figures(Run(cast, layer), (2, 4)) == expected
    with autocast():
        assert figures(Run(lambda x, fc: fc(x), layer), (2, 4)) == figures(layer, (2, 4))


def test_autocast_saves_what_the_real_network_saves():
    def two(x, first, second):
        return second(functional.relu(first(x)))

    net = Run(two, nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), context=autocast)
    cost = count(net, (1, 3, 8, 8), phase="training")
    # bfloat16 copies of the input 192 and of the weights 108 and 72 elements, rectified 4*36
    assert sum(row.saved_bytes for row in cost.saved) == (192 + 108 + 72 + 144) * 2


def lstm_with_states(x, lstm):
    return lstm(x, (torch.zeros(1, len(x), 5), torch.randn(1, len(x), 5)))[0]


def cell_with_state(x, cell):
    h, c = torch.zeros(len(x), 5), torch.zeros(len(x), 5)
    for step in range(x.shape[1]):
        h, c = cell(x[:, step], (h, c))
    return h


def filled_in_place(x, layer):
    out = torch.zeros(len(x), x.shape[1], 5)
    for step in range(x.shape[1]):
        out[:, step] = layer(x[:, step])
    return out


@pytest.mark.parametrize(
    ("function", "layer", "step_macs"),
    [
        (lstm_with_states, lambda: nn.LSTM(6, 5, batch_first=True), 4 * 5 * 11),
        (lambda x, gru: gru(x, torch.zeros(1, len(x), 5))[0], lambda: nn.GRU(6, 5, batch_first=True), 165),
        (cell_with_state, lambda: nn.LSTMCell(6, 5), 4 * 5 * 11),
        (filled_in_place, lambda: nn.Linear(6, 5), 30),
    ],
)
def test_tensors_made_on_the_cpu_in_a_forward(function, layer, step_macs):
    net = Run(function, layer())
    assert sum(row[2] for row in figures(net, (2, 8, 6))) == 2 * 8 * step_macs
    cost = count(net, (2, 8, 6), phase="training")
    assert sum(op.macs for op in cost.ops if op.phase == "backward") > 2 * 8 * step_macs * 0.9


def test_values_of_a_tensor_that_the_input_was_written_to_are_not_believed():
    def wrong(x):
        mask = torch.zeros(4)
        mask[:] = x[0]
        return x if mask.any() else x.relu()

    with pytest.raises(BuildError, match="needs real data|another device"):
        count(Run(wrong), (2, 4))


def test_profiler_ranges_are_free():
    def ranges(x, layer):
        for _ in range(2):
            with torch.profiler.record_function("gate"):
                x = layer(x)
        return x

    for phase in ("inference", "training"):
        twice = figures(Run(lambda x, fc: fc(fc(x)), nn.Linear(4, 4)), (2, 4), phase=phase)
        assert figures(Run(ranges, nn.Linear(4, 4)), (2, 4), phase=phase) == twice
        parallel = nn.DataParallel(Run(lambda x, fc: fc(fc(x)), nn.Linear(4, 4)))
        assert figures(parallel, (2, 4), phase=phase) == twice


def test_reentrant_checkpointing_recomputes_in_the_backward_pass():
    def checkpointed(x, first, second):
        return checkpoint(second, first(x), use_reentrant=True)

    cost = count(Run(checkpointed, nn.Linear(4, 4), nn.Linear(4, 3)), (5, 4), phase="training")
    first, second = 5 * 16, 5 * 12
    assert sum(op.macs for op in cost.ops if op.phase == "forward") == first + second
    # the second once more forward, then both its gradients; the weight gradient of the first
    assert sum(op.macs for op in cost.ops if op.phase == "backward") == 3 * second + first


@dataclasses.dataclass
class Out:
    logits: torch.Tensor


@dataclasses.dataclass(slots=True)
class Slotted:
    logits: torch.Tensor


class Plain:
    def __init__(self, logits):
        self.inner = {"logits": (logits, "label", 3)}


class Record(collections.UserDict):
    pass


class Sequence(collections.abc.Sequence):
    def __init__(self, *items):
        self._items = items

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        return self._items[index]


WRAPS = {
    "tensor": lambda y: y,
    "dataclass": Out,
    "slots": Slotted,
    "object": Plain,
    "UserDict": lambda y: Record(logits=y),
    "UserList": lambda y: collections.UserList([y]),
    "deque": lambda y: collections.deque([y]),
    "namedtuple": collections.namedtuple("Named", "logits"),
    "sequence": Sequence,
    "set": lambda y: {y},
    "twice": lambda y: [y, {"again": y}],
    "cyclic": lambda y: (loop := [y], loop.append(loop))[0],
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_the_backward_pass_starts_in_any_container(wrap):
    cost = count(Run(lambda x, fc: WRAPS[wrap](fc(x)), nn.Linear(4, 3)), (2, 4), phase="training")
    assert sum(op.macs for op in cost.ops) == 2 * (2 * 12)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, fc: fc(x).detach(), "Run has no output with a gradient"),
        (lambda x, fc: fc(x).argmax(1), "Run has no output with a gradient"),
        (lambda x, fc: str(fc(x).shape), "Run returns str without a tensor in it"),
        (lambda x, fc: None, "Run returns NoneType without a tensor in it"),
        (lambda x, fc: x.relu(), "Run has no output with a gradient"),
    ],
)
def test_training_without_a_backward_pass_is_no_figure(function, reason):
    with pytest.raises(BuildError, match=reason) as error:
        count(Run(function, nn.Linear(4, 3)), (2, 4), phase="training")
    assert str(error.value).endswith("so training has no backward pass; count inference")


@torch.library.custom_op("sebench_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


def test_an_op_without_a_backward_formula_is_said():
    net = Run(lambda x, fc: twice(fc(x)), nn.Linear(4, 3))
    assert [(op.op, op.calls) for op in count(net, (2, 4)).uncounted] == [("sebench_tests.twice", 1)]
    with pytest.raises(BuildError, match=r"the backward pass of Run failed: .*twice.*; count inference"):
        count(net, (2, 4), phase="training")
