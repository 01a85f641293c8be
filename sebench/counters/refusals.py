"""Why a forward pass failed, in words that say what to do: one row per kind of failure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from sebench.errors import BuildError, CountError
from sebench.inputs import Inputs

_IMAGE_DIMENSIONS = 4
_COLOURS = 3
_LONGEST = 160
_QUANTIZED = re.compile(r"torch\..*\bquantized\b")
_WRAP = "give its inputs: --input-shape 1xCHANNELSxSIZE, or a function example_inputs(batch_size) beside it"
_SIZE = "choose another --image-size or --input-shape"
_LARGER = "choose a larger --image-size or --input-shape"
_FUNCTION = "write a function example_inputs(batch_size) beside it, which returns them"
_INTEGERS = "write a function example_inputs(batch_size) beside it, which returns integers"
_Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
_FirstLayer = _Convolution | nn.Linear | nn.Embedding
_OF_INPUT = frozenset({_WRAP, _SIZE, _LARGER, _FUNCTION, _INTEGERS})
"""Hints that are about what the network is given."""
_FLOAT = "count the network before it is quantized"
_NUMPY = "write it with torch's operations"
_VALUES = "counting has shapes but no values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A forward pass on the meta twin that raised."""

    error: Exception
    root: nn.Module
    module: str
    """Fully qualified name of the innermost module whose forward failed; the root is ``""``."""
    inputs: Inputs
    """What the network was called with."""

    @property
    def said(self) -> str:
        """The error in one line."""
        first = (str(self.error).splitlines() or [""])[0]
        return textwrap.shorten(first, _LONGEST, placeholder=" ...") or type(self.error).__name__

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input, where it is one tensor."""
        return () if self.inputs.only is None else tuple(self.inputs.only.shape)

    @property
    def fed(self) -> str:
        """What the network is given."""
        if self.inputs.only is None:
            return self.inputs.describe()
        named = f"(N, {self.shape[1]}, H, W) = " if len(self.shape) == _IMAGE_DIMENSIONS else ""
        return f"one tensor {named}{self.shape}"

    @property
    def network(self) -> str:
        """The network, with the place of the failure where that is not the network itself."""
        place = f" (in '{self.module}')" if self.module else ""
        return f"{type(self.root).__name__}{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of failure: how it is told, what is said of it, and the next step."""

    pattern: str
    """Searched in ``TypeName: message``; its groups are ``{0}``, ``{1}`` of the texts."""
    says: str
    """Follows the name of the network."""
    hint: str
    holds: Callable[[Failure], bool] = lambda failure: True
    """What must be true besides."""
    may_run: bool = False
    """Whether only the counting fails, so that the network may be timed all the same."""


def refusal(failure: Failure) -> BuildError:
    """The one line for a failed forward pass: a `CountError` where the network may run all the same."""
    text = f"{type(failure.error).__name__}: {failure.said}"
    for kind in _KINDS:
        found = re.search(kind.pattern, text)
        if found and kind.holds(failure):
            groups = [group or "" for group in found.groups()]
            says, hint = (
                part.format(*groups, fed=failure.fed, said=failure.said) for part in (kind.says, kind.hint)
            )
            hint = next_step(failure) or hint if hint in _OF_INPUT else hint
            return (CountError if kind.may_run else BuildError)(f"{failure.network} {says}", hint=hint)
    return CountError(f"{failure.network} fails on {failure.fed}: {text}")


def next_step(failure: Failure) -> str | None:
    """What to do about an input that does not fit; None where the usual advice is right.

    A network says by its first layer what it takes, as far as that is a layer of torch's own.
    """
    if failure.inputs.made_by is not None:
        return f"its input is what {failure.inputs.made_by} returns"
    layer = next((each for each in failure.root.modules() if isinstance(each, _FirstLayer)), None)
    if layer is None or _may_take(layer, failure):
        return None
    if isinstance(layer, nn.Embedding):
        return f"it begins with an Embedding: {_INTEGERS} below {layer.num_embeddings}"
    example = "x".join(map(str, (1, *_item(layer))))
    return f"it begins with a {type(layer).__name__}: --input-shape {example} ({_AXES[_rank(layer)]})"


_AXES = {
    2: "batch x features",
    3: "batch x channels x length",
    4: "batch x channels x height x width",
    5: "batch x channels x depth x height x width",
}
_EXAMPLE_SIZES = {2: (), 3: (256,), 4: (64, 64), 5: (16, 64, 64)}


def _rank(layer: _FirstLayer) -> int:
    return 2 + len(layer.kernel_size) if isinstance(layer, _Convolution) else 2


def _item(layer: _Convolution | nn.Linear) -> tuple[int, ...]:
    channels = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    return (channels, *_EXAMPLE_SIZES[_rank(layer)])


def _may_take(layer: _FirstLayer, failure: Failure) -> bool:
    """Whether a network that begins with a layer may take the input, so that something else is wrong."""
    shape = failure.shape
    if isinstance(layer, _Convolution):
        return len(shape) == _rank(layer) and shape[1] == layer.in_channels
    if isinstance(layer, nn.Embedding) or not shape:
        return False
    # What comes before a linear layer may have changed the shape, as flattening does.
    was_fed = re.search(rf"\b{shape[-1]}(\]| and )", str(failure.error)) is not None
    return shape[-1] == layer.in_features or not was_fed


def _is_root(failure: Failure) -> bool:
    return not failure.module


def _is_of_input(failure: Failure) -> bool:
    """Whether the error is about a tensor of the input's own shape."""
    return str(list(failure.shape)) in str(failure.error)


def _unpacks_shape(failure: Failure) -> bool:
    """Whether what was taken apart is the shape of the input rather than the input itself."""
    return "got" not in failure.said or failure.said.endswith(f"got {len(failure.shape)})")


def _is_quantized(failure: Failure) -> bool:
    return any(_QUANTIZED.match(type(module).__module__) for module in failure.root.modules())


_KINDS = (
    Kind(
        pattern="",
        holds=_is_quantized,
        says="is quantized, and its operations do not report their shapes: {said}",
        hint=_FLOAT,
        may_run=True,
    ),
    Kind(
        pattern=r"quantized::|[Qq]uantized(CPU|Meta|Tensor)",
        says="is quantized, and its operations do not report their shapes: {said}",
        hint=_FLOAT,
        may_run=True,
    ),
    Kind(
        pattern=r"(not compiled with CUDA|NVIDIA driver|No CUDA GPUs|CUDA is not available)",
        says="asks for CUDA, which is not available here: {said}",
        hint="let it use the device of its input (x.device)",
    ),
    Kind(
        pattern=r"(?i)numpy",
        says="leaves torch with .numpy(), which needs real data: {said}",
        hint=_NUMPY,
        may_run=True,
    ),
    Kind(
        pattern=r"register_meta function for torch\.(\w+)\(\)",
        says="needs real data: how much torch.{0}() returns depends on values",
        hint=_VALUES,
        may_run=True,
    ),
    Kind(
        pattern=r"NotImplementedError|DataDependent|data-dependent|(?i:meta tensor)|meta device|no data",
        says="needs real data: {said}",
        hint=_VALUES,
        may_run=True,
    ),
    Kind(
        pattern=r"TypeError: .*missing \d+ required .*arguments?: (.*)",
        holds=_is_root,
        says="takes more than one input ({0} is missing), but is given {fed}",
        hint=_FUNCTION,
    ),
    Kind(
        pattern=r"TypeError: .*unexpected keyword argument '(\w+)'",
        holds=_is_root,
        says="takes no argument {0}, but is given {fed}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"TypeError: .*takes (?:from )?\d.* but \d+ (?:was|were) given",
        holds=_is_root,
        says="does not accept this input: {said}; it is given {fed}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"argument #1 'indices'|index_select\(\): Expected dtype int|indices must be long",
        says="takes token IDs (integers), but is given {fed} of floats",
        hint=_INTEGERS,
    ),
    Kind(
        pattern=r"\(got str\)|'(?:Tensor|Parameter)' object has no attribute '(?:keys|items|values|get)'",
        says="takes a dict, but is given {fed}",
        hint=_FUNCTION,
    ),
    Kind(
        # torch takes a word apart: x["image"] has five indices, x["a"] one that is not a number.
        pattern=r"too many indices for tensor of dimension",
        says="takes a dict, or inputs of other dimensions, but is given {fed}: {said}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"'Tensor' object has no attribute '(\w+)'",
        says="takes an object with .{0}, but is given {fed}",
        hint=_FUNCTION,
    ),
    Kind(
        pattern=r"values to unpack \(expected \d+, got (\d+)\)|too many values to unpack",
        holds=_unpacks_shape,
        says="takes inputs of other dimensions, but is given {fed}: {said}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"index \d+ is out of bounds for dimension 0|not enough values to unpack",
        holds=_is_root,
        says="takes a list or tuple of inputs ({said}), but is given {fed}",
        hint=_FUNCTION,
    ),
    Kind(
        pattern=r"Expected more than 1 value per channel when training",
        says="normalises over the batch, for which one image is too few in training: {said}",
        hint="use --batch-size 2 or more",
    ),
    Kind(
        pattern=r"Wrong image (?:height|width)! Expected (\d+)|doesn't match model \((\d+)\)",
        says="takes images of another size: {said}",
        hint="use --image-size {0}{1}",
    ),
    Kind(
        pattern=r"Kernel size can't be greater|too small|Padding size should be less"
        r"|non-zero size|less than or equal to .*kernel",
        says="needs a larger input than {fed}: {said}",
        hint=_LARGER,
    ),
    Kind(
        pattern=r"expected input.* to have (\d+) channels, but got \d+ channels instead",
        holds=_is_of_input,
        says="takes {0} channels, but is given {fed}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"Invalid channel dimensions",
        says="takes another number of channels or of dimensions, but is given {fed}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"[Ee]xpected .*\b\dD|unbatched|must be \dD|[Ee]xpected \d-?[dD]"
        r"|Dimension out of range|number of dimensions",
        says="takes inputs of other dimensions, but is given {fed}: {said}",
        hint=_WRAP,
    ),
    Kind(
        pattern=r"shapes? cannot be multiplied|same reduction dim|to have \d+ channels|size of tensor"
        r"|invalid for input of size|normalized_shape|[Ss]izes of tensors must match|size mismatch"
        r"|divisible|doesn't match|not match|[Ww]rong (?:image )?(?:size|height|width)|must match|broadcast",
        says="does not accept {fed}: {said}",
        hint=_SIZE,
    ),
    Kind(
        pattern=r"same device|is on (?:cpu|meta|cuda)|device type|different devices",
        says="mixes devices: {said}",
        hint="let it make tensors on the device of its input (x.device)",
        may_run=True,
    ),
)
