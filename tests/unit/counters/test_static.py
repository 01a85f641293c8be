"""Rows, sites, stages, refusals, and the memo behind them."""

import subprocess
import threading

import pytest
import torch
from torch import nn

from sebench.counters import count, dispatch, prices
from sebench.errors import BuildError, UsageError
from tests.interpreter import FRESH


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU()
        self.se = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())

    def forward(self, x):
        y = self.act(self.conv(self.act(x)))
        return x + y * self.se(y)


def network():
    return nn.Sequential(Block(), Block(), nn.Flatten(), nn.Linear(4 * 36, 2))


SHAPE = (1, 4, 6, 6)


def test_rows_are_aggregated_by_module_op_and_phase_in_order_of_first_use():
    rows = [(op.module, op.op, op.calls) for op in count(Block(), SHAPE).ops]
    assert rows == [
        ("act", "aten.relu", 2),
        ("conv", "aten.convolution", 1),
        ("se.0", "aten.mean", 1),
        ("se.1", "aten.convolution", 1),
        ("se.2", "aten.sigmoid", 1),
        ("", "aten.mul", 1),
        ("", "aten.add", 1),
    ]


def test_sites_and_stages_take_the_longest_prefix():
    cost = count(
        network(), SHAPE, sites=["0.se", "1.se"], stages={"0": "2", "1": "3", "1.se": "gate", "": "x"}
    )
    assert {(op.module, op.stage, op.site) for op in cost.ops if op.op == "aten.convolution"} == {
        ("0.conv", "2", None),
        ("0.se.1", "2", "0.se"),
        ("1.conv", "3", None),
        ("1.se.1", "gate", "1.se"),
    }
    assert {op.stage for op in cost.ops if op.module == "3"} == {"x"}
    assert [(site.path, site.stage, site.params) for site in cost.sites] == [
        ("0.se", "2", 20),
        ("1.se", "gate", 20),
    ]


def test_modules_called_directly_nested_and_repeatedly():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()
            self.again = self.block.conv

        def forward(self, x):
            return self.block.conv.forward(self.again(self.block(x)))

    calls = {op.module: op.calls for op in count(Odd(), SHAPE).ops if op.op == "aten.convolution"}
    assert calls == {"block.conv": 3, "block.se.1": 1}


def test_exceptions_caught_by_the_network_do_not_confuse_attribution():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.wrong, self.right = nn.Linear(3, 3), nn.Linear(4, 4)

        def forward(self, x):
            try:
                return self.wrong(x)
            except RuntimeError:
                return self.right(x) + 1

    assert [op.module for op in count(Careful(), (1, 4)).ops] == ["right", ""]


def test_counting_twice_gives_the_same_rows_with_and_without_the_memo(monkeypatch):
    options = {"sites": ["0.se"], "stages": {"0": "2"}}
    for phase in ("inference", "training"):
        first = count(network(), SHAPE, phase=phase, **options)
        assert count(network(), SHAPE, phase=phase, **options) == first
        with monkeypatch.context() as patch:
            patch.setattr(dispatch, "describe", lambda *_: False)
            assert count(network(), SHAPE, phase=phase, **options) == first


def test_the_memo_is_bounded():
    expected = count(network(), SHAPE)
    prices.forget()
    answers = {(number,): prices.Answer(price=None, result=number) for number in range(3)}
    for key, answer in answers.items():
        prices.remember(key, answer, limit=2)
    # The third found two and started afresh.
    assert [prices.recall(key) for key in answers] == [None, None, answers[2,]]
    assert count(network(), SHAPE) == expected


def test_the_memo_tells_scalars_and_aliases_apart():
    class Mixed(nn.Module):
        def forward(self, x):
            whole = x.long()
            first, second = whole + 1, whole + 1.0  # int64, then float32
            first += 0
            return first, second.sqrt(), torch.zeros(2), torch.zeros(2).tolist()

    for _ in range(2):
        ops = {op.op: op.bytes_written for op in count(Mixed(), (10,)).ops}
        assert ops["aten.add"] == 10 * 8 + 10 * 4
        assert ops["aten.sqrt"] == 10 * 4


def test_real_tensors_made_in_a_forward_keep_their_values_until_they_meet_the_batch():
    class Positions(nn.Module):
        def forward(self, x):
            steps = torch.arange(4)
            assert steps.tolist() == [0, 1, 2, 3]
            return x[:, steps] * steps + x.new_zeros(4)

    for _ in range(2):
        assert count(Positions(), (2, 4)).uncounted == ()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiled_and_traced_models():
    expected = sum(op.macs for op in count(network(), SHAPE).ops)
    compiled = nn.Sequential(torch.compile(network()))
    names = {op.module for op in count(compiled, SHAPE).ops}
    assert sum(op.macs for op in count(torch.compile(network()), SHAPE).ops) == expected
    assert "0.0.conv" in names
    assert sum(op.macs for op in count(torch.fx.symbolic_trace(network()), SHAPE).ops) == expected
    with pytest.raises(BuildError, match="TorchScript"):
        count(torch.jit.script(nn.Sequential(nn.ReLU())), (1, 2))


def test_attributes_that_cannot_be_copied_are_shared():
    layer = nn.Linear(2, 2)
    layer.lock = threading.Lock()
    assert count(layer, (1, 2)).params == 6


@pytest.mark.parametrize("shape", [(1, 3, 6, 6), (1, 4, 7, 7)])
def test_an_input_that_does_not_fit_names_shape_and_module(shape):
    with pytest.raises(BuildError) as error:
        count(network(), shape)
    message = str(error.value)
    assert str(shape) in message
    assert "0.conv" in message if shape[1] == 3 else "'3'" in message
    assert "\n" not in message


def test_a_forward_that_needs_data_is_refused():
    class DataDependent(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(BuildError, match="DataDependent needs real data"):
        count(DataDependent(), (1, 2))


def test_lazy_modules_are_refused():
    with pytest.raises(BuildError, match="lazy"):
        count(nn.Sequential(nn.LazyLinear(2)), (1, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "amp-bfloat16"}, "'amp-bfloat16'.*float32"),
        ({"phase": "predict"}, "'predict'.*inference"),
        ({"sites": ["0.sw"]}, "'0.sw'.*0.se"),
        ({"stages": {"9": "2"}}, "'9'"),
    ],
)
def test_wrong_arguments_name_the_next_step(options, message):
    with pytest.raises(UsageError, match=message):
        count(network(), SHAPE, **options)


@pytest.mark.parametrize("shape", [(), (1, 0, 6, 6), (1, -4, 6, 6)])
def test_empty_inputs_are_refused(shape):
    with pytest.raises(UsageError, match="input shape"):
        count(network(), shape)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, sebench.counters; sys.exit('torch' in sys.modules)"
    assert subprocess.run([FRESH, "-c", code], check=False).returncode == 0
