"""Time of the parts of gates that somebody else wrote, by torch.profiler; backward by sequence numbers.

Which part an op is, is known from a record of the network: by the innermost module that runs the op, by its
name, and by how many of that name the module has run before. In a module that does nothing but attention,
an op has the time since the one before it: views and Python are part of the cost. Of a gate that is written
among other things, the ops alone are timed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import nn

from sebench.profilers.device import Device, Step
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.profilers.trace import (
    Key,
    Owner,
    Profiled,
    Scope,
    backward_times,
    numbers_below,
    profile_steps,
    scopes_of,
    time_of,
)

OpNumber = tuple[str, str, int]
"""Module, plain name of the op, and how many of this name the module has run before."""
_MICROSECOND = 1e-6


@dataclass(frozen=True)
class RecordedOps:
    """The ops of a forward pass."""

    owners: Mapping[OpNumber, Owner | None]
    """The site and part that each op is; None of what is no attention."""

    @cached_property
    def names(self) -> Mapping[str, frozenset[str]]:
        """Plain names of the ops that each module runs itself."""
        found: dict[str, set[str]] = {}
        for module, name, _ in self.owners:
            found.setdefault(module, set()).add(name)
        return {module: frozenset(names) for module, names in found.items()}

    @cached_property
    def attending(self) -> frozenset[str]:
        """Modules that run an op of a gate themselves."""
        return frozenset(module for (module, _, _), owner in self.owners.items() if owner is not None)

    @cached_property
    def pure(self) -> frozenset[str]:
        """Modules that run such ops, themselves or below, and no others."""
        others = {
            each
            for (module, _, _), owner in self.owners.items()
            if owner is None
            for each in _enclosing(module)
        }
        return frozenset(each for module in self.attending for each in _enclosing(module)) - others

    def watched(self, network: nn.Module) -> tuple[str, ...]:
        """Modules whose calls are told apart: what attends, what is in it, and the widest pure one around."""
        found: dict[str, None] = {}
        for module in sorted(self.attending):
            around = [each for each in _enclosing(module) if each in self.pure]
            found.update(dict.fromkeys(around[-1:]))
            found[module] = None
            for name, _ in network.get_submodule(module).named_children():
                found[f"{module}.{name}" if module else name] = None
        return tuple(found)


def _enclosing(module: str) -> Iterator[str]:
    """A module and those around it, the innermost first."""
    while module:
        yield module
        module = module.rpartition(".")[0]
    yield ""


def profile_gates(
    module: nn.Module,
    ops: RecordedOps,
    step: Step,
    device: Device,
    repeats: int,
    *,
    alive: Heartbeat = no_heartbeat,
) -> Profiled:
    """Profile some steps of a network whose gates have been found by data flow.

    Args:
        module: the network.
        ops: of its forward pass.
        step: runs one step of `module`.
        device: the clock.
        repeats: how many steps to profile, and as many without the profiler.
        alive: told after every step.

    Raises:
        DeviceError: the profiler does not know this kind of accelerator.
    """
    on_device = device.name != "cpu"
    with scopes_of(module, {path: Scope(path, "") for path in ops.watched(module)}) as scopes:
        paths = {name: scope.site for name, scope in scopes.items()}
        return profile_steps(
            step,
            device,
            repeats,
            lambda events: gate_times(events, paths, ops, on_device=on_device),
            alive=alive,
        )


def gate_times(
    events: Sequence[Any], paths: Mapping[str, str], ops: RecordedOps, *, on_device: bool
) -> dict[Key, float]:
    """Seconds by site, part and pass in one profiled step.

    Args:
        events: of the profiler.
        paths: modules by the name of the event that is a call of theirs.
        ops: of the forward pass.
        on_device: sum the kernels that the host's events have started, instead of the host's time.
    """
    reading = _Reading(paths, ops, on_device)
    calls = [event for event in events if event.name in paths and event.device_type.name == "CPU"]
    for event in _in_time(calls):
        if not any(each.name in paths for each in _around(event)):
            reading.call(event)
    return {**reading.found, **backward_times(events, reading.owners, on_device=on_device)}


def _in_time(events: Iterable[Any]) -> list[Any]:
    return sorted(events, key=lambda event: event.time_range.start)


def _around(event: Any) -> Iterator[Any]:  # noqa: ANN401 - a profiler event
    while event.cpu_parent is not None:
        event = event.cpu_parent
        yield event


@dataclass
class _Reading:
    """What has been read of the events of a step."""

    paths: Mapping[str, str]
    ops: RecordedOps
    on_device: bool
    found: dict[Key, float] = field(default_factory=dict)
    owners: dict[int, Owner] = field(default_factory=dict)
    """Whose autograd nodes are, by their sequence number."""
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def call(self, event: Any) -> None:  # noqa: ANN401 - a profiler event
        """Read a call of a module."""
        path = self.paths[event.name]
        if path in self.ops.pure:
            self._read_pure(event, path)
        else:
            self._read_mixed(event, path)

    def _read_pure(self, event: Any, path: str) -> None:  # noqa: ANN401
        """All of the call is attention: each op has the time since the one before, the last one all after."""
        waiting: list[Any] = []
        since, owner = event.time_range.start, None
        for each, its_owner in self._ops_in(event, path):
            waiting.append(each)
            if its_owner is not None:
                owner = its_owner
                self._add(owner, waiting, since, each.time_range.end)
                since, waiting = each.time_range.end, []
        if owner is not None:
            self._add(owner, waiting, since, event.time_range.end)

    def _read_mixed(self, event: Any, path: str) -> None:  # noqa: ANN401
        for child in _in_time(event.cpu_children):
            if child.name in self.paths:
                self.call(child)
            elif not self._is_op_of(path, child):
                self._read_mixed(child, path)
            elif owner := self._next_owner(path, child):
                self._add(owner, [child], child.time_range.start, child.time_range.end)

    def _ops_in(self, event: Any, path: str) -> Iterator[tuple[Any, Owner | None]]:  # noqa: ANN401
        """The ops of a call in order of time with their owners, and what is between: None's."""
        for child in _in_time(event.cpu_children):
            if child.name in self.paths:
                yield from self._ops_in(child, self.paths[child.name])
            elif self._is_op_of(path, child):
                yield child, self._next_owner(path, child)
            else:  # a composite op, or one that a record knows under another name
                inner = list(self._ops_in(child, path))
                yield from inner if any(owner for _, owner in inner) else [(child, None)]

    def _is_op_of(self, path: str, event: Any) -> bool:  # noqa: ANN401
        return _plain_name(event) in self.ops.names.get(path, ())

    def _next_owner(self, path: str, event: Any) -> Owner | None:  # noqa: ANN401
        name = _plain_name(event)
        number = self._seen.get((path, name), 0)
        self._seen[path, name] = number + 1
        return self.ops.owners.get((path, name, number))

    def _add(self, owner: Owner, events: Sequence[Any], start: float, end: float) -> None:
        key: Key = (*owner, "forward")
        if self.on_device:
            time_s = sum(time_of(event, on_device=True) for event in events)
        else:
            time_s = (end - start) * _MICROSECOND
        self.found[key] = self.found.get(key, 0.0) + time_s
        for event in events:
            for number in (event.sequence_nr, *numbers_below(event)):
                if number >= 0:
                    self.owners[number] = owner


def _plain_name(event: Any) -> str:  # noqa: ANN401 - a profiler event
    """``aten::add_`` -> ``add``, as a record has it."""
    name = str(event.name).removeprefix("aten::").replace("::", ".")
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name
