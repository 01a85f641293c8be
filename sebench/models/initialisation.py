"""Weights that depend on a seed and a parameter's name alone.

A parameter is drawn from a generator of its own, so networks that share a name share its values to the bit,
whatever else they hold and in whatever order they were built.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

import torch
from torch import Tensor, nn

from sebench.models.attention import Rule, implementation, make_drawn_attention
from sebench.models.slots import SlottedBlock
from sebench.schema import AttentionKind

_shared: ContextVar[Mapping[str, Tensor]] = ContextVar("shared", default=MappingProxyType({}))
RESIDUAL_GAIN = 0.2
"""Scale of the last convolution of a residual branch.

With fresh normalisation statistics nothing in evaluation mode holds the sum of 50 branches down; a small
gain keeps activations within the range of float16 and, unlike zero, keeps the branch alive.
"""


def allocate(network: nn.Module) -> None:
    """Give a network built on the meta device uninitialised storage on the CPU.

    `nn.Module.to_empty` would do, but on meta tensors it imports torch's symbolic shapes, which costs every
    process that builds a network more than drawing the weights does.
    """
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype)))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))


@contextmanager
def sharing_weights(network: nn.Module | None) -> Iterator[None]:
    """Within the block, copy what `initialise` would draw again; that takes a tenth of the time.

    Args:
        network: on the CPU, as `initialise` left it or in another dtype; another variant of the same network
            with the same seed has the same weights. None draws all.
    """
    known = {} if network is None else dict(network.named_parameters())
    token = _shared.set(known)
    try:
        yield
    finally:
        _shared.reset(token)


@torch.no_grad()
def initialise(network: nn.Module, seed: int) -> None:
    """Fill every parameter and buffer of a network in place.

    Convolutions: Kaiming normal over the fan-out of a group (He et al. 2015); linear layers: normal of
    standard deviation 1 / sqrt(inputs); biases 0; normalisation as torch resets it. Attention whose
    implementation has rules of its own gets those afterwards.

    Raises:
        TypeError: A module with parameters has no rule.
    """
    own_rules = _own_rules(network)
    generator = torch.Generator(device="cpu")
    drawn = _make_drawn(network, seed)
    modules = [
        (name, module)
        for name, module in network.named_modules()
        if not any(name == site or name.startswith(f"{site}.") for site in drawn)
    ]
    _fill_modules(modules, own_rules, _residual_ends(network), seed, generator)
    for site, rule in own_rules.items():
        _apply(rule, network.get_submodule(site), site, seed, generator)


@torch.no_grad()
def initialise_attention(attention: nn.Module, kind: AttentionKind, site: str, seed: int) -> None:
    """Fill one attention module in place, as `initialise` does in a network that has it at `site`.

    Args:
        attention: the module.
        kind: what it is.
        site: its path in the network, on which its numbers depend.
        seed: of the run.

    Raises:
        TypeError: A module with parameters has no rule.
    """
    rule = implementation(kind).initialise
    own_rules = {} if rule is None else {site: rule}
    generator = torch.Generator(device="cpu")
    _fill_modules(attention.named_modules(prefix=site), own_rules, frozenset(), seed, generator)
    if rule is not None:
        _apply(rule, attention, site, seed, generator)


def parameter_seed(seed: int, name: str) -> int:
    """Seed of one parameter's generator: 63 bits of a hash of the run's seed and its name."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _fill_modules(
    modules: Iterable[tuple[str, nn.Module]],
    own_rules: Mapping[str, Rule],
    residual_ends: Collection[str],
    seed: int,
    generator: torch.Generator,
) -> None:
    for name, module in modules:
        gain = RESIDUAL_GAIN if name in residual_ends else 1.0
        match module:
            case nn.Conv1d() | nn.Conv2d():
                fan_out = module.out_channels * math.prod(module.kernel_size) // module.groups
                _fill(module, name, gain * math.sqrt(2 / fan_out), seed, generator)
            case nn.Linear():
                _fill(module, name, 1 / math.sqrt(module.in_features), seed, generator)
            case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.LayerNorm():
                module.reset_parameters()
            case _ if any(name == site or name.startswith(f"{site}.") for site in own_rules):
                # Values that a rule leaves out must not be whatever the memory held.
                for parameter in module.parameters(recurse=False):
                    parameter.fill_(torch.nan)
            case _ if any(True for _ in module.parameters(recurse=False)):
                raise TypeError(f"no initialisation for {type(module).__name__} at {name!r}")


def _make_drawn(network: nn.Module, seed: int) -> tuple[str, ...]:
    """Make attention that sets its own weights anew, with memory; the sites of it."""
    sites = []
    for site, block in _attended(network):
        kind, channels = block.variant.kind, block.attended_channels
        if kind is not None and channels is not None and implementation(kind).draws_itself:
            block.attention = make_drawn_attention(channels, block.variant, parameter_seed(seed, site))
            block.attention.eval()
            sites.append(site)
    return tuple(sites)


def _attended(network: nn.Module) -> Iterator[tuple[str, SlottedBlock]]:
    """Blocks with attention, and the path of that."""
    for name, block in network.named_modules():
        if isinstance(block, SlottedBlock) and block.attention is not None:
            yield f"{name}.attention" if name else "attention", block


def _own_rules(network: nn.Module) -> dict[str, Rule]:
    """Sites of attention that brings rules of its own -> them."""
    found: dict[str, Rule] = {}
    for site, block in _attended(network):
        rule = None if block.variant.kind is None else implementation(block.variant.kind).initialise
        if rule is not None:
            found[site] = rule
    return found


def _apply(rule: Rule, attention: nn.Module, site: str, seed: int, generator: torch.Generator) -> None:
    def draw(name: str, std: float) -> None:
        generator.manual_seed(parameter_seed(seed, f"{site}.{name}"))
        attention.get_parameter(name).normal_(0.0, std, generator=generator)

    rule(attention, draw)
    for name, parameter in attention.named_parameters():
        if parameter.isnan().any():
            raise TypeError(f"no initialisation for parameter {name!r} of the attention at {site!r}")


def _residual_ends(network: nn.Module) -> set[str]:
    return {
        f"{name}.{end}"
        for name, block in network.named_modules()
        if isinstance(block, SlottedBlock)
        for end in block.residual_ends
    }


def _fill(
    module: nn.Conv1d | nn.Conv2d | nn.Linear, name: str, std: float, seed: int, generator: torch.Generator
) -> None:
    weight: Tensor = module.weight
    known = _shared.get().get(f"{name}.weight")
    if known is not None and known.shape == weight.shape and known.device == weight.device:
        weight.copy_(known)
    else:
        generator.manual_seed(parameter_seed(seed, f"{name}.weight"))
        weight.normal_(0.0, std, generator=generator)
    if module.bias is not None:
        module.bias.zero_()
