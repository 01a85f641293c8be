"""Generated code as a graph: calls and buffers, without running any of it."""

from __future__ import annotations

import pytest

from sebench.errors import DataFileError
from sebench.graphs import find_gates
from sebench.graphs.inductor import graph_of

KERNEL = """
{name} = async_compile.cpp_pybinding([], r'''
extern "C"  void  kernel({parameters})
{{
}}
''')
"""


def code(kernels: dict[str, str], body: str) -> str:
    generated = "".join(KERNEL.format(name=name, parameters=given) for name, given in kernels.items())
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    return f"{generated}\nclass Runner:\n    def call(self, args):\n{lines}\n"


# What torch 2.15 makes of a convolution, SE by 1x1 convolutions, and an add with ReLU; shortened.
NETWORK = code(
    {
        "cpp_fused_convolution_0": (
            "const float* in_ptr0, const float* in_ptr1, float* out_ptr0, float* out_ptr1"
        ),
        "cpp_fused__native_batch_norm_legit_no_training_mean_1": (
            "float* in_out_ptr0, float* in_out_ptr1, const float* in_ptr0"
        ),
        "cpp_fused_relu_2": "float* in_out_ptr0",
        "cpp_fused_add_mul_relu_sigmoid_3": "const float* in_ptr0, float* in_out_ptr0, const float* in_ptr1",
    },
    """
arg0_1, arg1_1, arg2_1, arg3_1, arg4_1 = args
args.clear()
assert_size_stride(arg1_1, (1, 8, 6, 6), (288, 36, 6, 1), 'input')
buf0 = empty_strided_cpu((1, 8, 6, 6), (288, 1, 48, 8), torch.float32)
assert_size_stride(arg0_1, (8, 8, 3, 3), (72, 9, 3, 1), 'input')
buf1 = empty_strided_cpu((8, 8, 3, 3), (72, 1, 24, 8), torch.float32)
cpp_fused_convolution_0(arg1_1, arg0_1, buf0, buf1)
del arg0_1
buf2 = extern_kernels.convolution(buf0, buf1, stride=(1, 1), padding=(1, 1), groups=1, bias=None)
assert_tensor_metadata(buf2, (1, 8, 6, 6), (288, 1, 48, 8), torch.float32, 'x')
assert_size_stride_grouped((arg2_1, arg3_1), ((8, ), (2, 8, 1, 1)), ((1, ), (8, 1, 1, 1)), 'input')
assert_size_stride(arg4_1, (8, 2, 1, 1), (2, 1, 1, 1), 'input')
buf3 = buf2; del buf2  # reuse
buf4 = empty_strided_cpu((1, 8, 1, 1), (8, 1, 8, 8), torch.float32)
buf5 = reinterpret_tensor(buf4, (1, 8, 1, 1), (8, 1, 1, 1), 0); del buf4  # reuse
cpp_fused__native_batch_norm_legit_no_training_mean_1(buf3, buf5, arg2_1)
buf6 = extern_kernels.convolution(buf5, arg3_1, stride=(1, 1), bias=None)
assert_tensor_metadata(buf6, (1, 2, 1, 1), (2, 1, 1, 1), torch.float32, 'x')
buf7 = buf6; del buf6  # reuse
cpp_fused_relu_2(buf7)
buf8 = extern_kernels.convolution(buf7, arg4_1, stride=(1, 1), bias=None)
assert_tensor_metadata(buf8, (1, 8, 1, 1), (8, 1, 1, 1), torch.float32, 'x')
buf9 = buf0; del buf0  # reuse
cpp_fused_add_mul_relu_sigmoid_3(buf8, buf9, buf3)
return (buf9, )
""",
)


def test_calls_are_nodes() -> None:
    graph = graph_of(NETWORK, [(1, 8, 6, 6)])
    assert [(node.op, node.ops) for node in graph.nodes] == [
        ("kernel", ("Reorder",)),
        ("convolution", ("Conv",)),
        ("kernel", ("BatchNormalization", "ReduceMean")),
        ("convolution", ("Conv",)),
        ("kernel", ("Relu",)),
        ("convolution", ("Conv",)),
        ("kernel", ("Add", "Mul", "Relu", "Sigmoid")),
    ]
    assert graph.inputs == ("arg1_1",)
    assert graph.outputs == graph.nodes[-1].outputs


def test_a_weight_in_another_layout_is_a_weight() -> None:
    convolution = graph_of(NETWORK, [(1, 8, 6, 6)]).nodes[1]
    graph = graph_of(NETWORK, [(1, 8, 6, 6)])
    assert [graph.shape(value) for value in graph.weights(convolution)] == [(8, 8, 3, 3)]


def test_the_gate_is_found_and_multiplies_what_it_reads() -> None:
    """The last kernel takes two maps: that of the residual branch, and the one that is added."""
    graph = graph_of(NETWORK, [(1, 8, 6, 6)])
    (gate,) = find_gates(graph)
    assert gate.squeeze == ("kernel 2",)
    assert gate.excite == ("convolution 3", "kernel 4", "convolution 5")
    assert gate.scale == ("kernel 6",)
    assert (gate.channels, gate.hidden, gate.reduction, gate.gate) == (8, (2,), "mean", "Sigmoid")
    assert gate.feature in graph.nodes[2].outputs


LINEAR = code(
    {
        "cpp_fused_mean_0": "float* in_out_ptr0, const float* in_ptr0",
        "cpp_fused_addmm_relu_t_1": "const float* in_ptr0, const float* in_ptr1, float* out_ptr0",
        "cpp_fused_mul_sigmoid_unsqueeze_2": "const float* in_ptr0, const float* in_ptr1, float* out_ptr0",
    },
    """
arg0_1, arg1_1, arg2_1, arg3_1 = args
assert_size_stride(arg0_1, (1, 8, 6, 6), (288, 36, 6, 1), 'input')
assert_size_stride(arg1_1, (2, 8), (8, 1), 'input')
assert_size_stride(arg2_1, (8, 2), (2, 1), 'input')
buf0 = empty_strided_cpu((1, 8), (8, 1), torch.float32)
cpp_fused_mean_0(buf0, arg0_1)
buf1 = empty_strided_cpu((1, 2), (2, 1), torch.float32)
cpp_fused_addmm_relu_t_1(buf0, arg1_1, buf1)
buf2 = empty_strided_cpu((1, 8), (8, 1), torch.float32)
extern_kernels.addmm(arg3_1, buf1, reinterpret_tensor(arg2_1, (2, 8), (1, 2), 0), alpha=1, beta=1, out=buf2)
buf3 = empty_strided_cpu((1, 8, 6, 6), (288, 36, 6, 1), torch.float32)
cpp_fused_mul_sigmoid_unsqueeze_2(arg0_1, buf2, buf3)
return (buf3, )
""",
)


def test_matrices_meet_maps_by_their_channels() -> None:
    graph = graph_of(LINEAR, [(1, 8, 6, 6)])
    assert [node.ops for node in graph.nodes] == [
        ("ReduceMean",),
        ("Gemm", "Relu"),
        ("Gemm",),
        ("Mul", "Sigmoid"),
    ]
    (gate,) = find_gates(graph)
    assert (gate.squeeze, gate.excite, gate.scale) == (("kernel 0",), ("kernel 1", "addmm 2"), ("kernel 3",))
    assert (gate.hidden, gate.gate) == ((2,), "Sigmoid")


FROZEN = code(
    {},
    """
arg0_1, = args
assert_size_stride(arg0_1, (1, 8, 6, 6), (288, 36, 6, 1), 'input')
buf0 = torch.ops.mkldnn._convolution_pointwise.default(arg0_1, _frozen_param0, None, [1, 1], 'relu', [None])
assert_tensor_metadata(buf0, (1, 8, 6, 6), (288, 1, 48, 8), torch.float32, 'x')
buf1 = torch.ops.mkldnn._convolution_pointwise_.binary(arg0_1, buf0, _frozen_param2, 'add', 'relu')
return (buf0, )
""",
)


def test_convolutions_of_onednn_hold_what_they_are_told() -> None:
    graph = graph_of(FROZEN, [(1, 8, 6, 6)])
    assert [node.ops for node in graph.nodes] == [("Conv", "Relu"), ("Conv", "Add", "Relu")]
    assert graph.nodes[1].inputs == (graph.nodes[0].outputs[0], "_frozen_param2", "arg0_1")


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("x = (", "is no Python: line 1"),
        ("x = 1", "has no function 'call'"),
        (
            code({"cpp_fused_relu_0": "float* in_out_ptr0"}, "cpp_fused_relu_0(buf0, buf1)"),
            "calls cpp_fused_relu_0 with 2 tensors",
        ),
    ],
)
def test_other_text_is_refused(text: str, about: str) -> None:
    with pytest.raises(DataFileError, match=about):
        graph_of(text, [(1,)])
