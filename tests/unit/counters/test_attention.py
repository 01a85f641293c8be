"""Attention as a CPU runs it, and what the fast paths of inference compute."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from sebench.counters import count
from sebench.counters.attention import attention, attention_backward
from sebench.counters.work import Call

FLASH = "aten._scaled_dot_product_flash_attention_for_cpu"


class Heads(nn.Module):
    """Attention of two heads over tokens that a layer makes; `options` go to it."""

    def __init__(self, width=8, **options):
        super().__init__()
        self.layer = nn.Linear(width, 3 * width)
        self.options = options

    def forward(self, x):
        query, key, value = self.layer(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(query, key, value, **self.options)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def ops(cost, phase="forward"):
    return {op.op: (op.macs, op.flops) for op in cost.ops if op.phase == phase and op.macs}


def macs(cost):
    return sum(op.macs for op in cost.ops)


def test_fused_attention_formulas():
    query, value = torch.empty(1, 2, 5, 4, device="meta"), torch.empty(1, 2, 7, 3, device="meta")
    key = torch.empty(1, 2, 7, 4, device="meta")
    call = Call("aten.fused", {"query": query, "key": key, "value": value}, query)
    # scores 2*5*7 = 70; forward 70*(4+3), softmax and scale 6*70; backward 70*(3*4 + 2*3), 8*70
    assert attention(call) == (490, 980 + 420)
    assert attention_backward(call) == (1260, 2520 + 560)
    masked = Call("aten.fused", {**call.arguments, "attn_mask": query}, query)
    assert attention(masked) == (490, 980 + 490)  # one add per score more


def test_the_backward_computes_the_scores_again():
    cost = count(Heads(), (1, 5, 8), phase="training")
    # 2 heads, 5 x 5 = 50 scores, depth 4: two products forwards, five backwards
    assert ops(cost)[FLASH] == (400, 800 + 300)
    assert ops(cost, "backward")[f"{FLASH}_backward"] == (1000, 2000 + 400)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"dropout_p": 0.5}])
def test_training_is_what_torchs_counter_finds_on_a_cpu(options):
    model = Heads(**options)
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(1, 5, 8)).sum().backward()
    assert 2 * macs(count(model, (1, 5, 8), phase="training")) == counter.get_total_flops()


class Seen(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.ops = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.ops.append(func._schema.name.replace("::", "."))
        return func(*args, **(kwargs or {}))


def attend(*shapes, mask=None, mask_dtype=None, strided=False, **options):
    def forward(x):
        factors = [x.new_empty(shape) for shape in shapes]
        if strided:
            factors = [factor.transpose(-1, -2) for factor in factors]
        if mask:
            options["attn_mask"] = torch.ones(mask, dtype=mask_dtype, device=x.device)
        return functional.scaled_dot_product_attention(*factors, **options)

    return forward


FOUR = [(1, 2, 5, 4)] * 3


@pytest.mark.parametrize(
    "forward",
    [
        attend(*FOUR),
        attend(*[(2, 5, 4)] * 3),  # no batch
        attend(*[(5, 4)] * 3),
        attend((1, 2, 5, 4), (1, 2, 7, 4), (1, 2, 7, 4)),
        attend((1, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 3)),  # another depth of values
        attend((2, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 4)),  # a broadcast batch
        attend((1, 4, 5, 4), (1, 2, 5, 4), (1, 2, 5, 4), enable_gqa=True),
        attend((1, 4, 5, 4), (1, 1, 5, 4), (1, 1, 5, 4)),
        attend(*FOUR, strided=True),
        attend(*FOUR, dropout_p=0.5),
        attend(*FOUR, is_causal=True),
        attend(*FOUR, mask=(5, 5)),
        attend(*FOUR, mask=(5, 5), mask_dtype=torch.bool),
        attend(*FOUR, mask=(1, 1, 1, 5)),
        attend(*FOUR, mask=(2, 5, 5)),
        attend(*[(2, 5, 4)] * 3, mask=(2, 5, 5), mask_dtype=torch.bool),
    ],
)
def test_the_ops_are_those_of_a_cpu(forward):
    with torch.no_grad(), Seen() as seen:
        forward(torch.empty(1))
    cost = count(Function(forward), (1,))
    counted = {op.op for op in cost.ops}
    assert cost.uncounted == ()
    assert (FLASH in seen.ops, "aten.bmm" in seen.ops) == (FLASH in counted, "aten.bmm" in counted)
    assert {op for op in seen.ops if "mm" in op or "dot" in op} <= counted


def test_the_switches_of_torch_are_heard():
    with sdpa_kernel(SDPBackend.MATH):
        cost = count(Heads(), (1, 5, 8), phase="training")
    # linear 5 * 8 * 24 forwards and its weight gradient; 2 products forwards, 4 backwards of 50 * 4
    assert macs(cost) == 2 * 960 + 6 * 200


def test_a_mask_that_learns_needs_the_scores():
    class Biased(Heads):
        def __init__(self):
            super().__init__()
            self.options["attn_mask"] = self.bias = nn.Parameter(torch.zeros(5, 5))

    model = Biased()
    assert macs(count(model, (1, 5, 8), phase="training")) == 2 * 960 + 6 * 200


def test_inference_mode_changes_nothing():
    class Inferred(Heads):
        def forward(self, x):
            with torch.inference_mode():
                return super().forward(x)

    assert ops(count(Inferred(), (1, 5, 8)))[FLASH] == ops(count(Heads(), (1, 5, 8)))[FLASH] == (400, 1100)


def test_torch_is_left_as_it_was():
    count(Heads(), (1, 5, 8), phase="training")
    query = torch.empty(1, 2, 5, 4, device="meta")
    with Seen() as seen:
        functional.scaled_dot_product_attention(query, query, query)
    assert seen.ops.count("aten.bmm") == 2
    assert FLASH not in seen.ops


# --- fast paths ------------------------------------------------------------------------------------------


def macs_that_ran(model, *inputs):
    """Of the matrix products inside all kernels of one forward, as torch's profiler records them."""
    with torch.no_grad(), torch.profiler.profile(record_shapes=True) as profile:
        model.eval()(*inputs)
    names, total = set(), 0
    for event in profile.events():
        names.add(event.name)
        shapes = [shape for shape in event.input_shapes if shape]
        if event.name in ("aten::mm", "aten::bmm"):
            total += prod(shapes[0]) * shapes[1][-1]
        elif event.name in ("aten::addmm", "aten::_addmm_activation"):
            total += prod(shapes[1]) * shapes[2][-1]
        elif event.name == "aten::mkldnn_rnn_layer":
            (length, batch, _), *weights = shapes[:3]
            total += length * batch * sum(map(prod, weights))
        elif event.name == "aten::_scaled_dot_product_flash_attention_for_cpu":
            total += 2 * prod(shapes[0]) * shapes[1][-2]
    return total, names


def prod(sizes):
    result = 1
    for size in sizes:
        result *= size
    return result


ENCODER = {"d_model": 8, "nhead": 2, "dim_feedforward": 16, "batch_first": True}


class Itself(nn.Module):
    """Self-attention."""

    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.options = options

    def forward(self, x):
        return self.attention(x, x, x, **self.options)[0]


@pytest.mark.parametrize(
    ("model", "fast", "expected"),
    [
        # 4 x 8 x 8 per token for the projections, 2 x 8 x 5 for scores and values: 3 * 5 * (256 + 80)
        (Itself(), "aten::_native_multi_head_attention", 5040),
        (Itself(need_weights=False), "aten::_native_multi_head_attention", 5040),
        # and 2 x 8 x 16 for the two layers: 3 * 5 * (336 + 256)
        (nn.TransformerEncoderLayer(**ENCODER), "aten::_transformer_encoder_layer_fwd", 8880),
        (
            nn.TransformerEncoder(nn.TransformerEncoderLayer(**ENCODER), 2),
            "aten::_transformer_encoder_layer_fwd",
            2 * 8880,
        ),
        # per step and image 4 gates of 5 x (8 + 5): 3 * 5 * 260; both ways; 3 gates, without a fast path
        (nn.LSTM(8, 5, batch_first=True), "aten::mkldnn_rnn_layer", 3900),
        (nn.LSTM(8, 5, batch_first=True, bidirectional=True), "aten::mkldnn_rnn_layer", 7800),
        (nn.GRU(8, 5, batch_first=True), "aten::gru", 2925),
    ],
)
def test_the_fast_paths_of_inference_multiply_what_is_counted(model, fast, expected):
    ran, names = macs_that_ran(model, torch.randn(3, 5, 8))
    assert fast in names
    assert ran == macs(count(model, (3, 5, 8))) == expected
