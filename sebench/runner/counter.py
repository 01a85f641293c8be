"""Counts of the networks of a measurement, wherever their code is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sebench.errors import BuildError, CountError, UnknownModelError
from sebench.runner.counting import count_model
from sebench.runner.session import WORKER_COMMAND, NetworkMissing, NotCountable, WorkerFailed, ask
from sebench.runner.side_by_side import Trees
from sebench.runner.worktree import repository_root
from sebench.schema import COMMIT_LENGTH, ModelSpec, Phase, StaticCost
from sebench.store import CountCache
from sebench.worker.protocol import Counted, CountRequest

_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts what a measurement needs; networks of another tree in a process of their own."""

    cache: CountCache | None
    trees: Trees = field(default_factory=dict)
    command: Sequence[str] = WORKER_COMMAND
    _counted: dict[tuple[object, ...], StaticCost] = field(default_factory=dict, repr=False, compare=False)

    def __call__(
        self, spec: ModelSpec, shape: tuple[int, ...], phase: Phase = "inference", dtype: str = "float32"
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
        try:
            counted = ask(
                request,
                Counted,
                command=self.command,
                environ={},
                timeout_s=_TIMEOUT_S,
                directory=self.trees[spec.commit],
            )
        except NetworkMissing as error:
            raise UnknownModelError(f"{spec.model} at {spec.commit[:COMMIT_LENGTH]}: {error}") from error
        except WorkerFailed as error:
            kind = CountError if isinstance(error, NotCountable) else BuildError
            raise kind(f"{spec.model} at {spec.commit[:COMMIT_LENGTH]}: {error}") from error
        return counted.cost
