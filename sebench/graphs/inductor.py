"""What torch.compile generates for a CPU, as a graph: the calls of its code, kernels and library functions.

The code is read, never run. A kernel is one node that does several things, by what it is called.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sebench.errors import DataFileError
from sebench.graphs.graph import REORDER, VIEWS, Graph, Node, Shape

_NAMES = {
    "_native_batch_norm_legit_no_training": "BatchNormalization",
    "native_layer_norm": "LayerNormalization",
    "native_group_norm": "GroupNormalization",
    "max_pool2d_with_indices": "MaxPool",
    "_adaptive_avg_pool2d": "GlobalAveragePool",
    "adaptive_max_pool2d": "GlobalMaxPool",
    "avg_pool2d": "AveragePool",
    "_convolution_pointwise": "Conv",
    "_convolution_pointwise_": "Conv",
    "convolution": "Conv",
    "_linear_pointwise": "Gemm",
    "addmm": "Gemm",
    "mm": "MatMul",
    "bmm": "MatMul",
    "mean": "ReduceMean",
    "amax": "ReduceMax",
    "sum": "ReduceSum",
    "hardsigmoid": "HardSigmoid",
    "hardswish": "HardSwish",
    "hardtanh": "Clip",
    "clamp": "Clip",
    "leaky_relu": "LeakyRelu",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "silu": "Silu",
    "gelu": "Gelu",
    "tanh": "Tanh",
    "mul": "Mul",
    "add": "Add",
    "sub": "Sub",
    "div": "Div",
    "cat": "Concat",
    "constant_pad_nd": "Pad",
    "clone": "Identity",
    "view": "Reshape",
    "permute": "Transpose",
    "transpose": "Transpose",
    "t": "Transpose",
    "unsqueeze": "Unsqueeze",
    "squeeze": "Squeeze",
    "expand": "Expand",
}
"""Ops of aten that ONNX calls otherwise."""
_LONGEST_FIRST = sorted(_NAMES, key=len, reverse=True)
_PRODUCTS = ("Gemm", "MatMul")
_KERNEL = re.compile(r"kernel\(([^)]*)\)")
_PARAMETER = re.compile(r"(const )?[\w:<>]+\s*\*\s*(\w+)")
_KERNEL_NAME = re.compile(r"cpp_fused_(.*)_\d+$")
_POINTWISE = ("relu", "sigmoid", "hardsigmoid", "hardswish", "hardtanh", "tanh", "swish", "add", "mul")
"""What a convolution of oneDNN can be told to do besides."""


def graph_of(code: str, inputs: Sequence[Shape]) -> Graph:
    """The graph of one file of generated code.

    Args:
        code: Python, as inductor writes it for a CPU.
        inputs: shapes of the tensors that the network is fed; among the arguments they are told by these.

    Raises:
        DataFileError: it is no such code.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise DataFileError(f"the generated code is no Python: line {error.lineno}") from error
    call = next((each for each in ast.walk(tree) if _is_call(each)), None)
    if not isinstance(call, ast.FunctionDef):
        raise DataFileError("the generated code has no function 'call'")
    return _Reader(tree, call, tuple(inputs)).graph()


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "call"


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A generated kernel: of its parameters, which are only read, and which hold something before."""

    read_only: tuple[bool, ...]
    holds: tuple[bool, ...]


class _Reader:
    """Follows buffers through the calls: each time one is written, it is another value."""

    def __init__(self, tree: ast.Module, call: ast.FunctionDef, inputs: tuple[Shape, ...]) -> None:
        self._kernels = dict(_kernels(tree))
        self._call = call
        self._fed = list(inputs)
        self._shapes: dict[str, Shape] = {}
        self._allocated: dict[str, Shape] = dict(_checked_shapes(call))
        self._values: dict[str, str] = {}
        self._constants: set[str] = set()
        self._inputs: list[str] = []
        self._outputs: list[str] = []
        self._nodes: list[Node] = []
        self._written = 0

    def graph(self) -> Graph:
        for statement in self._call.body:
            match statement:
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Name(id="args")):
                    self._take_arguments([name.id for name in names if isinstance(name, ast.Name)])
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=source)):
                    self._alias(name, source)
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Name(id=source))):
                    self._alias(name, source)
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as value):
                    self._assign(name, value)
                case ast.Expr(value=ast.Call() as value):
                    self._run(value)
                case ast.Return(value=ast.Tuple(elts=names)):
                    self._outputs = [self._value(each.id) for each in names if isinstance(each, ast.Name)]
        return Graph(
            nodes=tuple(self._nodes),
            inputs=tuple(self._inputs),
            outputs=tuple(self._outputs),
            shapes=MappingProxyType(self._shapes),
            constants=frozenset(self._constants),
            counts_from_batch=True,
        )

    def _take_arguments(self, names: Sequence[str]) -> None:
        for name in names:
            shape = self._allocated.get(name, ())
            self._values[name] = name
            self._shapes[name] = shape
            if shape in self._fed:
                self._fed.remove(shape)
                self._inputs.append(name)
            else:
                self._constants.add(name)

    def _alias(self, name: str, source: str) -> None:
        if source in self._allocated:
            self._allocated.setdefault(name, self._allocated[source])
        if source in self._values:
            self._values[name] = self._values[source]

    def _assign(self, name: str, call: ast.Call) -> None:
        function = _dotted(call.func)
        if function.startswith("empty_strided"):
            self._allocated[name] = _shape(call.args[0]) if call.args else ()
        elif function == "reinterpret_tensor" and call.args and isinstance(call.args[0], ast.Name):
            source = call.args[0].id
            self._allocated[name] = _shape(call.args[1])
            if source in self._values:
                self._values[name] = self._values[source]
        elif _is_library(function):
            self._library(function, call, name)

    def _run(self, call: ast.Call) -> None:
        function = _dotted(call.func)
        if function in self._kernels:
            self._generated(function, call)
        elif _is_library(function):
            out = next((each.value for each in call.keywords if each.arg == "out"), None)
            self._library(function, call, out.id if isinstance(out, ast.Name) else None)

    def _library(self, function: str, call: ast.Call, output: str | None) -> None:
        """A function of torch or oneDNN; without an output of its own it writes to its first argument."""
        name = function.removesuffix(".default").removesuffix(".binary").rpartition(".")[2]
        taken = [self._value(name) for each in call.args for name in _buffers(each)]
        written = output or next((name for each in call.args for name in _buffers(each)), None)
        if written is None:
            return
        if name == "addmm" and len(taken) > 2:  # the bias comes first there
            taken = [*taken[1:3], taken[0]]
        if "_convolution_pointwise_" in function and len(taken) > 2:  # and here what is added
            taken = [*taken[1:], taken[0]]
        texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
        fused = [_NAMES.get(text, text) for text in texts if text in _POINTWISE]
        self._node(name, (_NAMES.get(name, name), *fused), taken, [written])

    def _generated(self, function: str, call: ast.Call) -> None:
        kernel = self._kernels[function]
        names = [name for each in call.args for name in _buffers(each)]
        if len(names) != len(kernel.read_only):
            raise DataFileError(f"the generated code calls {function} with {len(names)} tensors")
        taken, written = [], []
        for name, read_only, holds in zip(names, kernel.read_only, kernel.holds, strict=True):
            if (read_only or holds) and name in self._values:
                taken.append(self._values[name])
            if not read_only:
                written.append(name)
        weights = {self._shapes[value] for value in taken if value in self._constants}
        ops = _fused_ops(function, has_matrix=any(len(shape) == 2 for shape in weights))
        relaid = [
            name
            for name in written
            if len(self._allocated.get(name, ())) > 2 and self._allocated[name] in weights
        ]
        made = [name for name in written if name not in relaid]
        self._node("kernel", ops, taken, made or written)
        for name in relaid if made else ():  # a weight in another layout is a weight still
            self._constants.add(self._new(name))

    def _node(self, op: str, ops: tuple[str, ...], taken: Sequence[str], written: Sequence[str]) -> None:
        node = Node(
            name=f"{op} {len(self._nodes)}",
            op=op,
            ops=ops,
            inputs=tuple(taken),
            outputs=tuple([self._new(name) for name in written]),
        )
        self._nodes.append(node)

    def _new(self, name: str) -> str:
        """The buffer holds another value from now on."""
        self._written += 1
        value = f"{name}#{self._written}"
        self._values[name] = value
        self._shapes[value] = self._allocated.get(name, ())
        return value

    def _value(self, name: str) -> str:
        """What a buffer holds; a name that was never written is a constant of the module's."""
        if name not in self._values:
            self._values[name] = name
            self._constants.add(name)
            self._shapes[name] = self._allocated.get(name, ())
        return self._values[name]


def _kernels(tree: ast.Module) -> Iterator[tuple[str, _Kernel]]:
    """Generated kernels by name, from the C++ in them."""
    for statement in tree.body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(
                    func=ast.Attribute(attr="cpp_pybinding"), args=[_, ast.Constant(value=str(code))]
                ),
            ):
                signature = _KERNEL.search(code)
                found = _PARAMETER.findall(signature[1]) if signature else []
                yield (
                    name,
                    _Kernel(
                        read_only=tuple(bool(const) for const, _ in found),
                        holds=tuple(parameter.startswith("in_") for _, parameter in found),
                    ),
                )


def _checked_shapes(call: ast.FunctionDef) -> Iterator[tuple[str, Shape]]:
    """Shapes that the code checks, of arguments and of what libraries return."""
    for node in ast.walk(call):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        subject, shapes = node.args[:2]
        function = _dotted(node.func)
        if function in ("assert_size_stride", "assert_tensor_metadata") and isinstance(subject, ast.Name):
            yield subject.id, _shape(shapes)
        elif (
            function == "assert_size_stride_grouped"
            and isinstance(subject, ast.Tuple)
            and isinstance(shapes, ast.Tuple)
        ):
            for name, shape in zip(subject.elts, shapes.elts, strict=False):
                if isinstance(name, ast.Name):
                    yield name.id, _shape(shape)


def _shape(node: ast.AST) -> Shape:
    if not isinstance(node, ast.Tuple):
        return ()
    sizes = [each.value if isinstance(each, ast.Constant) else 0 for each in node.elts]
    return tuple(size if isinstance(size, int) else 0 for size in sizes)


def _dotted(node: ast.AST) -> str:
    """E.g. ``extern_kernels.mm``; empty for what is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _is_library(function: str) -> bool:
    return function.startswith(("extern_kernels.", "torch.ops.", "aten.", "fallback_"))


def _buffers(node: ast.AST) -> Iterator[str]:
    """Names of tensors in an argument: one, a view of one, or several in a list."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Call) and _dotted(node.func) == "reinterpret_tensor" and node.args:
        yield from _buffers(node.args[0])
    elif isinstance(node, (ast.List, ast.Tuple)):
        for each in node.elts:
            yield from _buffers(each)


def _fused_ops(kernel: str, *, has_matrix: bool) -> tuple[str, ...]:
    """What a kernel does, by its name, in alphabetical order.

    Convolutions that it names are called apart: it lays out their weights, or adds their bias.
    """
    found = _KERNEL_NAME.match(kernel)
    ops = dict.fromkeys(_ops_in(found[1] if found else ""))
    kept = [op for op in ops if op != "Conv" and op not in VIEWS and (op not in _PRODUCTS or has_matrix)]
    return tuple(kept) or (REORDER,)


def _ops_in(names: str) -> Iterator[str]:
    while names:
        known = next((each for each in _LONGEST_FIRST if names == each or names.startswith(f"{each}_")), None)
        own = known or names.partition("_")[0]
        yield _NAMES.get(own, own)
        names = names[len(own) + 1 :] if own else names[1:]
