"""Blocks of networks without residual branches: modules that concatenate, and chains of alike modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from torch import nn

from sebench.counters.recording import ModuleCall
from sebench.surgery.calls import Calls, Ending, is_within, parent_of, pattern_of


def concatenating_blocks(calls: Calls) -> tuple[Ending, ...]:
    """The output of each module that ends with a concatenation along the channels, shuffled or not.

    A concatenation that goes straight into another one, or a module within another one of these, is part of a
    block: layers of a DenseNet, inner branches of an Inception module. Where the author's module around a
    concatenation goes on with convolutions, that is the block if there are several of its class (VoVNet), and
    there is none otherwise (a stem). A single one is no block.
    """
    ends: dict[int, ModuleCall] = {}
    for call in calls:
        index = calls.concatenation(call) if call.path and calls.feature_map(call) is not None else None
        if index is not None:
            ends.setdefault(index, call)  # the innermost module that ends with it
    blocks = [
        block for index, call in ends.items() if (block := _around(calls, index, call, ends)) is not None
    ]
    found = [block for block in blocks if not any(is_within(block, other) for other in blocks)]
    return tuple(Ending(block, block.outputs[0]) for block in found) if len(found) > 1 else ()


def chained_blocks(calls: Calls) -> tuple[Ending, ...]:
    """The output of each module of a chain: modules of one class of the author's, one after the other.

    Only the innermost chains of modules that hold two convolutions; if there are none, of one. A module that
    holds several of a class with two layers is a stage, and no block; chains that do less than half of the
    work are a stem or a head.
    """
    every = list(_chains(calls))
    chains = [chain for chain in every if all(calls.convolutions(call) > 1 for call in chain)] or every
    innermost = [
        chain
        for chain in chains
        if not any(is_within(inner, call) for other in chains for inner in other for call in chain)
        and not any(_is_stage(calls, call) for call in chain)
    ]
    blocks = sorted((call for chain in innermost for call in chain), key=lambda call: call.first)
    if 2 * sum(map(calls.macs, blocks)) < sum(op.macs for op in calls.flow.recording.ops):
        return ()
    return tuple(Ending(call, call.outputs[0]) for call in blocks)


def _around(calls: Calls, index: int, call: ModuleCall, ends: Mapping[int, ModuleCall]) -> ModuleCall | None:
    """The block that a concatenation belongs to."""
    for outer in calls:  # children before their parents
        if not is_within(call, outer) or not outer.path or not calls.is_owned(outer):
            continue
        if issubclass(calls.kind(outer), nn.Sequential) or not calls.goes_on(outer, index):
            continue
        if sum(outer.first <= each < outer.last for each in ends) > 1:
            break
        is_block = calls.by_class[calls.kind(outer)] > 1 and calls.feature_map(outer) is not None
        return outer if is_block else None
    return call


def _chains(calls: Calls) -> Iterator[list[ModuleCall]]:
    groups: dict[tuple[type[nn.Module], str], list[ModuleCall]] = {}
    for call in calls:
        if calls.is_owned(call) and calls.feature_map(call) is not None:
            groups.setdefault((calls.kind(call), pattern_of(call.path)), []).append(call)
    for group in groups.values():
        together = [
            (one, other) for one, other in pairwise(group) if parent_of(one.path) == parent_of(other.path)
        ]
        if together and all(calls.takes(after, before) for before, after in together):
            yield group


def _is_stage(calls: Calls, call: ModuleCall) -> bool:
    inner = Counter(
        calls.kind(other)
        for other in calls
        if is_within(other, call) and calls.is_owned(other) and calls.layers(other) > 1
    )
    return max(inner.values(), default=0) > 1
