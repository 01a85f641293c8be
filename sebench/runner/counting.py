"""Static costs, cached on disk so that a repeated count needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import msgspec
import platformdirs

from sebench import counters, models
from sebench.errors import BuildError, WorkerError
from sebench.runner.session import WORKER_COMMAND, WorkerSession
from sebench.runner.side_by_side import Trees
from sebench.runner.worktree import repository_root
from sebench.schema import COMMIT_LENGTH, ModelCost, ModelSpec, Phase, StaticCost
from sebench.store import CountCache, sources_digest
from sebench.worker.protocol import Counted, CountRequest, Failed

# Everything a count depends on: networks, counters, and the layout of the stored value.
_COUNTED_SOURCES = ("models", "counters", "schema")
_COUNT_TIMEOUT_S = 120.0


def default_cache() -> CountCache:
    """The cache in the user's cache directory."""
    return CountCache(Path(platformdirs.user_cache_dir("sebench")) / "counts")


def count_model(
    spec: ModelSpec,
    shape: tuple[int, ...],
    *,
    phase: Phase = "inference",
    dtype: str = "float32",
    cache: CountCache | None = None,
) -> ModelCost:
    """Count one network on meta tensors: no weights, no batch, no compute.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        phase: ``training`` adds backward rows and saved-for-backward bytes.
        dtype: sets the bytes per element.
        cache: where to look first and to keep the answer; None counts afresh.

    Raises:
        BuildError: the network does not accept this input.
    """
    # The user's own code may change without our noticing.
    usable = None if models.is_foreign(spec.model) else cache
    key = _key(spec, shape, phase, dtype) if usable else ""
    if usable and (known := usable.get(key)):
        return known
    built = models.build(spec, seed=None, device="meta")
    with _placed_errors():
        cost = counters.count(
            built.module, shape, phase=phase, dtype=dtype, sites=built.sites, stages=built.stages
        )
    counted = ModelCost(spec=spec, cost=cost)
    if usable:
        usable.put(key, counted)
    return counted


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts what a measurement needs; networks of another tree in a process of their own."""

    cache: CountCache | None
    trees: Trees = field(default_factory=dict)
    command: Sequence[str] = WORKER_COMMAND
    _counted: dict[tuple[object, ...], StaticCost] = field(default_factory=dict, repr=False, compare=False)

    def __call__(
        self, spec: ModelSpec, shape: tuple[int, ...], *, phase: Phase = "inference", dtype: str = "float32"
    ) -> StaticCost:
        """See `count_model`; what was counted once is not counted again."""
        key = (spec, shape, phase, dtype)
        if key not in self._counted:
            self._counted[key] = self._count(spec, shape, phase, dtype)
        return self._counted[key]

    def _count(self, spec: ModelSpec, shape: tuple[int, ...], phase: Phase, dtype: str) -> StaticCost:
        if spec.commit is None:
            return count_model(spec, shape, phase=phase, dtype=dtype, cache=self.cache).cost
        request = CountRequest(
            spec=spec, input_shape=shape, phase=phase, dtype=dtype, not_from=str(repository_root(Path.cwd()))
        )
        directory = self.trees[spec.commit]
        with WorkerSession(
            request, command=self.command, environ={}, timeout_s=_COUNT_TIMEOUT_S, directory=directory
        ) as worker:
            match worker.receive():
                case Counted(cost=cost):
                    return cost
                case Failed(message=message):
                    raise BuildError(f"{spec.model} at {spec.commit[:COMMIT_LENGTH]}: {message}")
                case reply:
                    raise WorkerError(f"a worker process sent {type(reply).__name__} instead of a count")


@contextmanager
def _placed_errors() -> Iterator[None]:
    """What a user's network prints is kept off standard output; its failures name the line of its code."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except BuildError as error:
        place = models.place_in_own_code(error.__cause__) if error.__cause__ else None
        if place is None:
            raise
        raise BuildError(f"{error.message} ({place})", hint=error.hint) from error


def _key(spec: ModelSpec, shape: tuple[int, ...], phase: Phase, dtype: str) -> str:
    described = msgspec.json.encode({"spec": spec, "shape": shape, "phase": phase, "dtype": dtype})
    return f"{sources_digest(*_COUNTED_SOURCES)} torch-{version('torch')} {described.decode()}"
