"""A network exported as a graph of aten ops, and modules that run the graph."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import Any

import torch
from torch import fx, nn

from sebench.errors import BuildError, SebenchError
from sebench.inputs import Inputs
from sebench.models.usercode import describe
from sebench.outputs import in_known_containers

_ASSERTION = torch.ops.aten._assert_tensor_metadata.default
HINT = "name two factories instead, one of them without attention"


def exported(network: nn.Module, inputs: Inputs) -> torch.export.ExportedProgram:
    """Export a network in the mode in which it is.

    Args:
        network: Any module; only read.
        inputs: Of the batch size and on the device that it will run with.

    Raises:
        BuildError: Export refuses the network.
    """
    try:
        with _silence(), _returning_known_containers(network):
            return torch.export.export(network, inputs.args, dict(inputs.kwargs), strict=False)
    except SebenchError:
        raise
    except Exception as error:
        raise BuildError(
            f"{type(network).__name__} cannot be captured by torch.export: {describe(error)}",
            hint=HINT,
        ) from error


@contextmanager
def _returning_known_containers(network: nn.Module) -> Iterator[None]:
    """Let a network return what a graph can return; see `in_known_containers`."""
    forward, own = network.forward, vars(network).get("forward")

    @wraps(forward)
    def converting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any network
        return in_known_containers(forward(*args, **kwargs))

    vars(network)["forward"] = converting
    try:
        yield
    finally:
        del vars(network)["forward"]
        if own is not None:
            vars(network)["forward"] = own


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what torch.export says to itself: where it fails, it prints the graph that it has by then."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def module_of(program: torch.export.ExportedProgram, *, training: bool, name: str) -> fx.GraphModule:
    """A new module that runs a program, without its checks of tensors, which would take time.

    Args:
        program: What was exported.
        training: The mode that it was exported in.
        name: Of the network's class, which messages name; each graph has a class of its own.
    """
    with _silence():
        network = program.module(check_guards=False)
    for node in network.graph.find_nodes(op="call_function", target=_ASSERTION):
        network.graph.erase_node(node)
    network.recompile()
    network._forward_pre_hooks.clear()
    network._forward_hooks.clear()
    network._forward_pre_hooks_with_kwargs.clear()
    network._forward_hooks_always_called.clear()
    type(network).__name__ = name
    network.training = training
    network.train = MethodType(_train, network)  # type: ignore[method-assign]
    network.eval = MethodType(_eval, network)  # type: ignore[method-assign]
    return network


def _train(network: nn.Module, mode: bool = True) -> nn.Module:
    """In place of ``train``: a graph has the mode of its capture."""
    if mode is not network.training:
        captured = "training" if network.training else "evaluation"
        raise NotImplementedError(f"it was captured in {captured} mode")
    return network


def _eval(network: nn.Module) -> nn.Module:
    return _train(network, mode=False)
