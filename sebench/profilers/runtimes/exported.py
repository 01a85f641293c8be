"""What runtimes that export a network have in common: the reference, and the check against it."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.profilers.inputs import OwnInput
from sebench.profilers.workload import inference_step
from sebench.schema import Workload

TOLERANCE = 1e-3
"""Largest difference from eager, as a share of the largest output; reduced precision is beyond 1e-4."""
APART = "difference_from_eager"
"""Name of the fact that `require_agreement` finds."""
_OPERATOR = re.compile(r"(?:aten|prims|torchvision)(?:::|\.)\w+")
_UNKNOWN = re.compile(r"No (?:ONNX function|conversion rule|decompositions?)[^\n]*")
_ONE = "one tensor, or several in a tuple or list"


def reference(module: nn.Module, own: OwnInput, workload: Workload) -> tuple[torch.Tensor, ...]:
    """What eager makes of the input, which is left as it was.

    Raises:
        WorkerError: the network returns something else than tensors.
    """
    output = inference_step(module, own.inputs, workload)()
    if own.is_written():
        own.restore()
    tensors = (output,) if isinstance(output, torch.Tensor) else output
    if not isinstance(tensors, (tuple, list)) or not all(isinstance(each, torch.Tensor) for each in tensors):
        kind = type(output).__name__
        raise WorkerError(
            f"--runtime {workload.runtime} takes networks that return {_ONE}, and this one returns a {kind}",
            hint="use --runtime eager or compile",
        )
    return tuple(each.clone() for each in tensors)


def require_agreement(
    found: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...], workload: Workload
) -> float:
    """Refuse a network that computes something else than in eager, on the same weights and inputs.

    Returns:
        The largest difference, as a share of the largest output.

    Raises:
        WorkerError: it is beyond `TOLERANCE`, or the outputs have other shapes; says how far.
    """
    shapes = [tuple(each.shape) for each in found], [tuple(each.shape) for each in expected]
    if shapes[0] != shapes[1]:
        raise WorkerError(f"--runtime {workload.runtime} gives outputs {shapes[0]} instead of {shapes[1]}")
    largest = max((float(each.abs().max()) for each in expected if each.numel()), default=0.0)
    apart = max(
        (
            float((a.double() - b.double()).abs().max())
            for a, b in zip(found, expected, strict=True)
            if a.numel()
        ),
        default=0.0,
    )
    difference = apart / largest if largest else apart
    if not difference <= TOLERANCE:
        raise WorkerError(
            f"--runtime {workload.runtime} computes something else than eager: off by {difference:.2g} of the"
            f" largest output, where {TOLERANCE:g} is allowed",
            hint="use --runtime eager, and report the operator",
        )
    return difference


def refused(workload: Workload, network: nn.Module, error: Exception) -> WorkerError:
    """The one line for a network that a runtime cannot take."""
    return WorkerError(
        f"--runtime {workload.runtime} cannot take {type(network).__name__}: {_reason(error)}",
        hint="use --runtime eager or compile",
    )


def _reason(error: BaseException) -> str:
    """The operator that an exporter does not know, if it says so anywhere; else its first line."""
    causes: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in causes:
        causes.append(each)
        each = each.__cause__ or each.__context__
    unknown = [found for cause in causes for found in _UNKNOWN.findall(str(cause))]
    operators = dict.fromkeys(name for text in unknown for name in _OPERATOR.findall(text))
    if operators:
        return f"it has no {', '.join(name.replace('::', '.') for name in operators)}"
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return first.strip()


def in_order_of(names: Sequence[str], own: OwnInput) -> tuple[torch.Tensor, ...]:
    """The tensors of an input as a graph takes them: those that were given by name by that.

    Args:
        names: of the graph's inputs, in its order.
        own: what the network is called with.

    Raises:
        WorkerError: the graph takes more or fewer.
    """
    if len(names) != len(own.tensors):
        raise WorkerError(
            f"the exported graph takes {len(names)} inputs, the network {len(own.tensors)}",
            hint="use --runtime eager or compile",
        )
    named = {name: value for name, value in own.inputs.kwargs.items() if name in names}
    if not all(isinstance(value, torch.Tensor) for value in named.values()):
        return own.tensors
    taken = {id(value) for value in named.values()}
    others = iter([tensor for tensor in own.tensors if id(tensor) not in taken])
    return tuple(named[name] if name in named else next(others) for name in names)


@contextmanager
def silence() -> Iterator[None]:
    """Keep what exporters print and log to themselves; what fails is raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def evaluating(module: nn.Module, own: OwnInput) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of an export: shapes count, values do not."""
    with contextlib.suppress(NotImplementedError):  # a captured graph has the mode of its capture
        module.eval()
    return own.inputs.args, dict(own.inputs.kwargs)
