"""Counts of the networks of a command, cached on disk; code of others runs in processes of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, TypeVar

import platformdirs
from msgspec.structs import replace

from sebench import models
from sebench.errors import BuildError, CountError, SebenchError, UnknownModelError, UsageError, WorkerError
from sebench.runner.counting.kept import Counted as Asked
from sebench.runner.counting.kept import KeptCounts, count_key
from sebench.runner.workers.child import TimeLimitReached
from sebench.runner.workers.session import (
    WORKER_COMMAND,
    Misnamed,
    NetworkMissing,
    NotCountable,
    WorkerDied,
    WorkerFailed,
    WorkerSession,
    WorkerSilent,
    expect,
)
from sebench.schema import ASIS, CrossCheck, ModelCost, ModelSpec, Phase, StaticCost
from sebench.store import CountCache
from sebench.worker.protocol import Counted, CountRequest, CrossChecked, CrossCheckRequest, Done

if TYPE_CHECKING:
    from sebench.runner.repository.worktree import Trees

_TIMEOUT_S = 600.0
_LEAVE_S = 10.0
"""For what a network's code has left for the end of its process."""
R = TypeVar("R", Counted, CrossChecked)


def default_cache() -> CountCache:
    """The cache in the user's cache directory."""
    return CountCache(Path(platformdirs.user_cache_dir("sebench")) / "counts")


def count_model(
    spec: ModelSpec,
    shape: tuple[int, ...],
    *,
    phase: Phase = "inference",
    dtype: str = "float32",
    gates: bool = False,
    cache: CountCache | None = None,
) -> ModelCost:
    """Count one native network on meta tensors: no weights, no batch, no compute.

    Args:
        spec: a resolved spec; the code of others is left to `Counter`, which keeps it out of this process.
        shape: of the input, batch in front.
        phase: ``training`` adds backward rows and saved-for-backward bytes.
        dtype: sets the bytes per element.
        gates: whether to look for its gates.
        cache: where to look first and to keep the answer; None counts afresh.

    Raises:
        BuildError: the network cannot be built or does not accept this input.
        CountError: it cannot be counted, though it may run.
    """
    if not models.runs_here(spec):
        raise ValueError(f"{spec.model} runs in workers only")
    key = count_key(Asked(spec, shape, phase, dtype, gates), "") if cache else ""
    if cache and (known := cache.get(key)):
        return known
    from sebench.worker.counting import count_network  # noqa: PLC0415 - not where the answer is kept

    counted = ModelCost(spec=spec, cost=count_network(spec, shape, phase, dtype, gates=gates))
    if cache:
        cache.put(key, counted)
    return counted


def counted_dtype(dtype: str) -> str:
    """What stands in for a workload's number format: under autocast the counter does not know what is cast.

    Parameters and most activations stay in float32 then.
    """
    return "float32" if dtype.startswith("amp-") else dtype


class Counter:
    """Counts what a command needs, in a with-statement; what was counted once is not counted again.

    Native networks are counted in this process. Those of others are counted by one worker process for each
    tree that they come from, started for the first of them: whatever their code does to the process it runs
    in, it does not do to this one.

    Args:
        cache: of earlier counts; None counts afresh.
        trees: working directories of the commits that specs name.
        command: how a worker is started.
    """

    def __init__(
        self,
        cache: CountCache | None,
        trees: Trees = MappingProxyType({}),
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        self._cache, self._trees, self._command = cache, trees, command
        self._kept = KeptCounts(cache)
        self._counted: dict[Asked, StaticCost] = {}
        self._workers: dict[str | None, WorkerSession] = {}
        self._fitting: set[ModelSpec] = set()
        """Specifications whose file of weights is known to fit."""

    def __call__(
        self,
        spec: ModelSpec,
        shape: tuple[int, ...],
        phase: Phase = "inference",
        dtype: str = "float32",
        *,
        gates: bool = False,
    ) -> StaticCost:
        """Count a network.

        Args:
            spec: a resolved spec.
            shape: of the input, batch in front.
            phase: ``training`` adds backward rows and saved-for-backward bytes.
            dtype: sets the bytes per element.
            gates: whether to look for the gates of a native network too; of others they are always known.

        Raises:
            UsageError: there is no such network, or its file of weights is of another.
            BuildError: it cannot be built, or does not accept this input.
            CountError: it cannot be counted, though it may run.
            WorkerError: its code ended the process that counted it.
        """
        if spec.weights is not None:
            self._require_weights(spec, shape)
        spec = replace(spec, weights=None, weights_sha256=None, runtime=None)  # no count depends on them
        asked = Asked(spec, shape, phase, dtype, gates and models.source_of(spec.model).knows_sites)
        if asked not in self._counted:
            self._counted[asked] = self._count(asked)
        return self._counted[asked]

    def usual_candidate(self, spec: ModelSpec, shape: tuple[int, ...]) -> str:
        """The variant that a network is compared with its plain self as, where nobody names one.

        As it was built if it has attention, else SE. Networks of others are counted to see that.

        Args:
            spec: the network as it is by its name.
            shape: of its input, batch in front.

        Raises:
            SebenchError: as for a count.
        """
        source = models.source_of(spec.model)
        if source.is_file:
            models.resolve(replace(spec, variant=models.PLAIN))
            if not self(spec, shape).gates:
                raise UsageError(
                    f"{spec.model} has no channel attention that could be taken out",
                    hint="compare it with another file: --baseline A.onnx --candidate B.onnx",
                )
            return ASIS
        if source.default_variant is not None:
            return source.default_variant
        if spec.insert_after is not None:
            return "se"
        if spec.attention_class is not None:
            return ASIS
        return ASIS if self(spec, shape).gates else "se"

    def cross_check(self, spec: ModelSpec, shape: tuple[int, ...], phase: Phase = "inference") -> CrossCheck:
        """Count a network with every tool that sebench knows; arguments and errors as for a count."""
        if models.runs_here(spec):
            from sebench.worker.counting import cross_check_network  # noqa: PLC0415 - as above

            return cross_check_network(spec, shape, phase)
        request = CrossCheckRequest(spec=spec, input_shape=shape, phase=phase)
        return self._ask(request, CrossChecked).check

    def close(self) -> None:
        """End the worker processes, so that nothing runs beside a measurement; a later count starts new ones.

        Raises:
            WorkerError: a network's code ended its process, which was to end by itself.
        """
        while self._workers:
            _, worker = self._workers.popitem()
            with worker:
                worker.finish()
                worker.allow_silence(_LEAVE_S)
                try:
                    expect(worker, Done)
                except WorkerSilent:  # what it was asked, it has answered
                    worker.kill()
                except WorkerError:
                    self._kept.drop()
                    raise
        self._kept.keep()

    def __enter__(self) -> Counter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            for worker in self._workers.values():
                worker.kill()
            self._workers.clear()

    def _require_weights(self, spec: ModelSpec, shape: tuple[int, ...]) -> None:
        """Refuse a file that does not fit, before anything is shown or measured."""
        source = models.source_of(spec.model)
        # Weights go into the network as its author built it; other attention is put in afterwards.
        own = spec if source.runs_here else replace(spec, variant=ASIS, runtime=None)
        if own in self._fitting:
            return
        if models.runs_here(own):
            models.build(own, device="meta")
        else:
            with suppress(CountError):  # comes again where it matters
                self._ask(self._request(Asked(own, shape, "inference", "float32", False)), Counted)
        self._fitting.add(own)

    def _request(self, asked: Asked) -> CountRequest:
        spec, shape, phase, dtype, gates = asked
        not_from = None if spec.commit is None else _repository_root()
        return CountRequest(
            spec=spec, input_shape=shape, phase=phase, dtype=dtype, gates=gates, not_from=not_from
        )

    def _count(self, asked: Asked) -> StaticCost:
        spec, shape, phase, dtype, gates = asked
        if models.runs_here(spec):
            return count_model(spec, shape, phase=phase, dtype=dtype, gates=gates, cache=self._cache).cost
        if spec.commit is None:
            models.require(spec)  # needs no process, and no torch
        known = self._kept.find(asked)
        if known is not None:
            return known
        answer = self._ask(self._request(asked), Counted)
        self._kept.remember(asked, answer.cost, answer.files)
        return answer.cost

    def _ask(self, request: CountRequest | CrossCheckRequest, kind: type[R]) -> R:
        spec = request.spec
        try:
            return expect(self._worker(request), kind)
        except WorkerFailed as error:
            place = "" if spec.commit is None else f"{spec.label}: "
            raise _as_counted_here(error, spec)(f"{place}{error}") from error
        except (WorkerDied, TimeLimitReached):  # an answer that comes late is one to nothing
            if worker := self._workers.pop(spec.commit, None):
                worker.kill()
            raise

    def _worker(self, request: CountRequest | CrossCheckRequest) -> WorkerSession:
        """The worker of the tree that the network comes from, and asked."""
        commit = request.spec.commit
        if worker := self._workers.get(commit):
            worker.go(request)
            return worker
        self._workers[commit] = WorkerSession(
            request,
            command=self._command,
            environ={},
            timeout_s=_TIMEOUT_S,
            directory=Path.cwd() if commit is None else self._trees[commit],
        )
        return self._workers[commit]


def _repository_root() -> str:
    from sebench.runner.repository.worktree import repository_root  # noqa: PLC0415 - for commits alone

    return str(repository_root(Path.cwd()))


def _as_counted_here(error: WorkerFailed, spec: ModelSpec) -> type[SebenchError]:
    """The error that a count in this process would have raised."""
    if isinstance(error, NetworkMissing):
        return UnknownModelError
    if isinstance(error, NotCountable):
        return CountError
    return UsageError if isinstance(error, Misnamed) and spec.commit is None else BuildError
