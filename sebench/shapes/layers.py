# ruff: noqa: D101, D102, D103 - names and arguments are those of torch.nn; images have four dimensions
"""Layers on shapes, in evaluation mode; constructors and calls as those of `torch.nn`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sebench.shapes import tensors as ops
from sebench.shapes.tensors import INT64, Parameter, Tensor, ran, require

Size = int | Sequence[int]


class Module:
    """A module; its children, parameters and buffers are registered in order of assignment."""

    training = False

    def __init__(self) -> None:
        vars(self).update(_modules={}, _parameters={}, _buffers={})

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, Module) or name in self._modules:
            self._modules[name] = value
        elif isinstance(value, Parameter):
            self._parameters[name] = value
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any member
        for kind in ("_modules", "_parameters", "_buffers"):
            members = self.__dict__.get(kind, {})
            if name in members:
                return members[name]
        raise AttributeError(name)

    def __call__(self, *args: Any) -> Any:  # noqa: ANN401 - any forward
        watcher = ops.watcher()
        outer = watcher.enter(self)
        try:
            return self.forward(*args)
        finally:
            watcher.leave(outer)

    def add_module(self, name: str, module: Module | None) -> None:
        self._modules[name] = module

    def register_buffer(self, name: str, tensor: Tensor) -> None:
        self._buffers[name] = tensor

    def eval(self) -> Module:
        return self

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Each once, by its first name; the module itself as ``""``."""
        return self._named("", set())

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def _named(self, name: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield name, self
        for child_name, child in self.named_children():
            yield from child._named(f"{name}.{child_name}" if name else child_name, seen)

    def get_submodule(self, path: str) -> Module:
        module = self
        for name in path.split(".") if path else ():
            module = module._modules[name]
        return module

    def parameters(self) -> Iterator[Parameter]:
        return (each for _, module in self.named_modules() for each in module._parameters.values())

    def buffers(self) -> Iterator[Tensor]:
        return (each for _, module in self.named_modules() for each in module._buffers.values())


class Sequential(Module):
    """One module after the other."""

    def __init__(self, *modules: Any) -> None:  # noqa: ANN401 - modules, or one mapping of them
        super().__init__()
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], Mapping) else None
        for name, module in named.items() if named is not None else enumerate(modules):
            self.add_module(str(name), module)

    def forward(self, x: Any) -> Any:  # noqa: ANN401 - whatever its modules pass on
        for module in self.children():
            x = module(x)
        return x


class Identity(Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Dropout(Identity):
    def __init__(self, p: float) -> None:
        super().__init__()


class Conv2d(Module):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        require(not (in_channels % groups or out_channels % groups), "convolution")
        self.kernel_size, self.stride, self.padding = map(_pair, (kernel_size, stride, padding))
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.weight = Parameter((out_channels, in_channels // groups, *self.kernel_size))
        self.bias = Parameter((out_channels,)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        require(x.dim() == 4 and x.shape[1] == self.in_channels, "convolution")
        grid = _grid(x, self.kernel_size, self.stride, self.padding)
        result = Tensor((x.shape[0], self.weight.shape[0], *grid), x.dtype)
        said = (self.stride, self.padding, (1, 1), False, (0, 0), self.groups)
        return ran(ops.CONVOLUTION, (x, self.weight, self.bias, *said), result)


class Linear(Module):
    def __init__(self, in_features: int, out_features: int, *, bias: bool = True) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter((out_features, in_features))
        self.bias = Parameter((out_features,)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        require(x.dim() == 2 and x.shape[1] == self.weight.shape[1], "linear")
        factors = x, self.weight.transpose(0, 1)
        result = Tensor((x.shape[0], self.weight.shape[0]), x.dtype)
        return (
            ran(ops.MM, factors, result)
            if self.bias is None
            else ran(ops.ADDMM, (self.bias, *factors), result)
        )


class BatchNorm2d(Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.weight, self.bias = Parameter((num_features,)), Parameter((num_features,))
        self.register_buffer("running_mean", Tensor((num_features,)))
        self.register_buffer("running_var", Tensor((num_features,)))
        self.register_buffer("num_batches_tracked", Tensor((), INT64))

    def forward(self, x: Tensor) -> Tensor:
        require(x.dim() == 4 and x.shape[1] == self.weight.shape[0], "batch_norm")
        state = self.weight, self.bias, self.running_mean, self.running_var
        return ran(ops.BATCH_NORM, (x, *state, False), (Tensor(x.shape, x.dtype),))[0]


class _Elementwise(Module):
    op: str

    def forward(self, x: Tensor) -> Tensor:
        return ran(ops.ELEMENTWISE[self.op], (x,), Tensor(x.shape, x.dtype))


class Sigmoid(_Elementwise):
    op = "sigmoid"


class Tanh(_Elementwise):
    op = "tanh"


class Hardsigmoid(_Elementwise):
    op = "hardsigmoid"


class ReLU(_Elementwise):
    op = "relu"

    def __init__(self, *, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return ran(ops.RELU_, (x,), x) if self.inplace else super().forward(x)


class _Pool2d(Module):
    def __init__(
        self, kernel_size: int, stride: int | None = None, padding: int = 0, *, count_include_pad: bool = True
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride


class MaxPool2d(_Pool2d):
    def forward(self, x: Tensor) -> Tensor:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    def forward(self, x: Tensor) -> Tensor:
        window = self.kernel_size, self.stride, self.padding
        return ran(ops.AVG_POOL, _windowed(x, *window), _pooled(x, *window))


class AdaptiveAvgPool2d(Module):
    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return adaptive_avg_pool2d(x, self.output_size)


def max_pool2d(x: Tensor, kernel_size: int, stride: int, padding: int) -> Tensor:
    window = kernel_size, stride, padding
    pooled = _pooled(x, *window)
    return ran(ops.MAX_POOL, _windowed(x, *window), (pooled, Tensor(pooled.shape, INT64)))[0]


def _pooled(x: Tensor, kernel_size: int, stride: int, padding: int) -> Tensor:
    require(x.dim() == 4 and 2 * padding <= kernel_size, "pool")
    grid = _grid(x, _pair(kernel_size), _pair(stride), _pair(padding))
    return Tensor((*x.shape[:2], *grid), x.dtype)


def _windowed(x: Tensor, *window: int) -> tuple[object, ...]:
    return x, *(list(_pair(size)) for size in window)


def adaptive_avg_pool2d(x: Tensor, size: int) -> Tensor:
    """As torch does it: one cell is a mean."""
    require(x.dim() == 4, "adaptive_avg_pool2d")
    if size == 1:
        return x.mean((-1, -2), keepdim=True)
    grid = [size, size]
    return ran(ops.ADAPTIVE_AVG_POOL, (x, grid), Tensor((*x.shape[:2], *grid), x.dtype))


def pad(x: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
    """By left, right, top and bottom, which may be negative."""
    left, right, top, bottom = sides
    height, width = x.shape[-2] + top + bottom, x.shape[-1] + left + right
    require(x.dim() == 4 and min(height, width) > 0, "pad")
    return ran(ops.PAD, (x, list(sides), 0.0), Tensor((*x.shape[:2], height, width), x.dtype))


def _pair(size: Size) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def _grid(x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]) -> list[int]:
    """Height and width of what a window gives that moves over a map."""
    sizes = [
        (side + 2 * edge - window) // step + 1
        for side, window, step, edge in zip(x.shape[2:], kernel, stride, padding, strict=True)
    ]
    require(min(sizes) > 0, "window")
    return sizes


LAYERS: tuple[type[Module], ...] = (
    Module,
    Sequential,
    Identity,
    Flatten,
    Dropout,
    Conv2d,
    Linear,
    BatchNorm2d,
    Sigmoid,
    Tanh,
    Hardsigmoid,
    ReLU,
    MaxPool2d,
    AvgPool2d,
    AdaptiveAvgPool2d,
)
"""What `torch.nn` has here, by the same names."""
