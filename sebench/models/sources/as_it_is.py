"""Networks that somebody else's factory builds; attention is taken out and put in afterwards."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from sebench.errors import BuildError, UsageError, VariantError
from sebench.models.arguments import in_order, keywords_of, require_accepted, require_complete
from sebench.models.checkpoints import load_weights, with_digest
from sebench.models.factories import Factory, call_factory
from sebench.models.sources.source import BuiltModel, Source
from sebench.schema import ASIS, ModelSpec, parse_variant

if TYPE_CHECKING:
    import torch
    from torch import nn


class AsItIs(Source):
    """A source whose networks are built by calling a function, without arguments unless some are said."""

    @abstractmethod
    def factory(self, name: str) -> Factory:
        """What builds the network; its module is imported, on no particular device.

        Raises:
            UnknownModelError: no such library, module, file or name in it.
            BuildError: the module cannot be imported; says where in the user's code.
        """

    def folders(self, name: str) -> tuple[Path, ...]:
        """Where modules that the network imports are looked for first; nowhere if all are installed."""
        return ()

    def resolve(self, spec: ModelSpec) -> ModelSpec:
        """The variant becomes canonical. Whether it fits the network is known when that has been built.

        Raises:
            VariantError: the variant is outside the grammar, or of native networks alone.
            UsageError: a stride, which its factory decides; arguments that are none; no such file of weights.
        """
        if spec.stride_in is not None:
            raise UsageError(f"{spec.model} is built by its own factory: no --stride-in")
        variant = parse_variant(spec.variant)
        if variant.position != "standard":
            raise VariantError(
                f"variant {str(variant)!r}: position is for sebench's own networks",
                hint=f"leave it out: in {spec.model} attention goes where the paper puts it",
            )
        model_args = in_order(spec.model_args)
        if spec.num_classes is not None and any(each.startswith("num_classes=") for each in model_args):
            raise UsageError("--num-classes and --model-arg num_classes=...", hint="keep one of them")
        return with_digest(replace(spec, variant=str(variant), model_args=model_args))

    def build(self, spec: ModelSpec, seed: int, device: torch.device) -> BuiltModel:
        """A constructor that reads values cannot work on ``meta``: its network is made on the CPU instead.

        Raises:
            ValueError: a variant; `sebench.surgery.build` makes it of what this builds.
        """
        if spec.variant != ASIS:
            raise ValueError(f"{spec.label} is made by sebench.surgery.build")
        import torch

        # The program that asks may draw random numbers of its own.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module, made_on = self._make(spec, device)
        if spec.weights is not None:
            load_weights(module, spec)
        return BuiltModel(
            spec=spec,
            module=_evaluating(module),
            sites=(),
            stages={},
            input_shape=(1, *self.input_size(spec.model)),
            device=str(made_on),
        )

    def _make(self, spec: ModelSpec, device: torch.device) -> tuple[nn.Module, torch.device]:
        # Imported before the device becomes the default: a module may make tensors of its own.
        name, keywords = spec.model, keywords_of(spec)
        factory, folders = self.factory(name), self.folders(name)
        require_accepted(name, factory, keywords)
        require_complete(name, factory, keywords)
        try:
            with device:
                return call_factory(name, factory, folders, keywords), device
        except BuildError as error:
            if device.type != "meta" or error.__cause__ is None:
                raise
        device = type(device)("cpu")
        with device:
            return call_factory(name, factory, folders, keywords), device


def _evaluating(module: nn.Module) -> nn.Module:
    """In evaluation mode; programs made by torch.export have the mode of their export and refuse another."""
    try:
        return module.eval()
    except NotImplementedError:
        return module
