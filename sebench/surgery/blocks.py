"""Blocks of networks with residual branches, and the blocks beside them that have no add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sebench.counters.recording import ModuleCall
from sebench.surgery.calls import Calls, Ending, is_within, pattern_of
from sebench.surgery.residuals import Branches, Residual


def residual_blocks(calls: Calls) -> tuple[Ending, ...]:
    """The end of each residual branch before its add.

    A block is the innermost module that computes a branch and its add. Where blocks of one class have several
    (a mixer and an MLP, also in modules of their own), only the last add of each counts; where a block
    concatenates what it added (the cells of NASNet), none does. Where an add takes only some of the channels
    (ReXNet), the branch ends with all of them.
    """
    found: dict[str, list[Residual]] = {}
    blocks: dict[str, ModuleCall] = {}
    for residual in Branches(calls.flow).residuals:
        block = next(call for call in calls if call.first <= residual.ops[0] and residual.add < call.last)
        if _whole(calls, residual) is not None or calls.concatenation(block) is None:
            blocks[block.path] = block
            found.setdefault(block.path, []).append(residual)
    classes = Counter(map(calls.kind, blocks.values()))
    repeated = [block for block in blocks.values() if block.path and classes[calls.kind(block)] > 1]
    return tuple(
        _ending(calls, blocks[path], residual)
        for path, residuals in found.items()
        if not any(is_within(blocks[path], outer) for outer in repeated)
        for residual in residuals
        if blocks[path] not in repeated or residual.add == residuals[-1].add
    )


def siblings(calls: Calls, blocks: Iterable[ModuleCall]) -> Iterator[ModuleCall]:
    """Blocks without an add of their own: they stride or change the width where the others add.

    These are modules of the class of a block, and modules beside blocks (paths that differ by numbers alone)
    with two convolutions; each gives one feature map that is not the network's output, and none holds a block
    or is part of one.
    """
    blocks = [block for block in blocks if block.path]
    own = {"", *(block.path for block in blocks)}
    classes = set(map(calls.kind, blocks))
    patterns = {pattern_of(block.path) for block in blocks}
    found: list[ModuleCall] = []
    for call in reversed(tuple(calls)):  # outer modules first
        beside = pattern_of(call.path) in patterns and calls.convolutions(call) > 1
        if (
            call.path not in own
            and (beside or calls.kind(call) in classes)
            and calls.feature_map(call) is not None
            and call.outputs[0] not in calls.flow.recording.outputs
            and not any(is_within(call, other) or is_within(other, call) for other in (*blocks, *found))
        ):
            found.append(call)
    yield from reversed(found)


def _ending(calls: Calls, block: ModuleCall, residual: Residual) -> Ending:
    whole = _whole(calls, residual)
    return Ending(block, residual.branch, residual.add) if whole is None else Ending(block, whole)


def _whole(calls: Calls, residual: Residual) -> int | None:
    """What an add takes some channels of; None where it takes all."""
    whole = calls.flow.behind_views(residual.branch)
    some, every = calls.flow.value(residual.branch).shape, calls.flow.value(whole).shape
    return whole if some[1] < every[1] and some[2:] == every[2:] else None
