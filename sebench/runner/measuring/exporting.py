"""Networks as files: each is exported once per plan, in a process of its own, for all that run it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from msgspec.structs import replace

from sebench import models
from sebench.runner.measuring.process_plan import silence_limit_s
from sebench.runner.repository.worktree import Trees, repository_root, tree_of
from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import WORKER_COMMAND, WorkerSession, expect
from sebench.schema import ASIS, ModelSpec, Plan, Session, Side, Workload, runtime_info
from sebench.store import scratch_folder
from sebench.worker.protocol import Exported, ExportRequest


@dataclass(frozen=True, slots=True)
class Export:
    """One network in a folder."""

    folder: Path
    said: Exported


Exports = Mapping[Side, Export]
"""Of the sides whose runtime takes files."""
NO_EXPORTS: Exports = MappingProxyType({})


def folders(exports: Exports) -> dict[Side, str]:
    """As workers are told."""
    return {side: str(export.folder) for side, export in exports.items()}


class _Key(NamedTuple):
    """What makes two exports the same."""

    spec: ModelSpec
    beside: ModelSpec | None
    workload: Workload


class Exporter:
    """Exports the networks of a plan; see `exporting`.

    Args:
        plan: whose networks.
        root: an empty folder.
        command: starts a worker.
        trees: working directories of the commits that specs name.
    """

    def __init__(self, plan: Plan, root: Path, *, command: Sequence[str], trees: Trees) -> None:
        self._plan, self._root, self._command, self._trees = plan, root, command, trees
        self._known: dict[_Key, Export] = {}

    def exports_of(self, session: Session, *, within_s: float | None = None) -> Exports:
        """The files of a session.

        Args:
            session: of the plan.
            within_s: how long it may take in all; None is for ever.

        Raises:
            WorkerError: a network cannot be built or exported, or computes something else than eager.
            OutOfTime: it was not exported in time.
        """
        keys = _keys(session, apart=bool(self._trees))
        return {side: self._export(key, session, within_s) for side, key in keys.items()}

    def keep_for(self, sessions: Sequence[Session]) -> None:
        """Remove the files that none of the sessions needs: those of many networks are large."""
        apart = bool(self._trees)
        needed = {key for each in sessions for key in _keys(each, apart=apart).values()}
        for key in set(self._known) - needed:
            shutil.rmtree(self._known.pop(key).folder, ignore_errors=True)

    def _export(self, key: _Key, session: Session, within_s: float | None) -> Export:
        if key not in self._known:
            folder = Path(tempfile.mkdtemp(dir=self._root))
            self._known[key] = Export(folder, self._ask(key, folder, session, within_s))
        return self._known[key]

    def _ask(self, key: _Key, folder: Path, session: Session, within_s: float | None) -> Exported:
        request = ExportRequest(
            spec=key.spec,
            beside=key.beside,
            workload=key.workload,
            weight_seed=self._plan.seed,
            folder=str(folder),
            not_from=str(repository_root(Path.cwd())) if key.spec.commit is not None else None,
        )
        with WorkerSession(
            request,
            command=self._command,
            environ=worker_environ(key.workload, session.pair),
            timeout_s=silence_limit_s(self._plan.policy, key.workload),
            directory=tree_of(key.spec, self._trees),
            ready_within_s=within_s,
        ) as worker:
            return expect(worker, Exported)


@contextmanager
def exporting(
    plan: Plan, *, command: Sequence[str] = WORKER_COMMAND, trees: Trees = MappingProxyType({})
) -> Iterator[Exporter]:
    """Export networks to a temporary folder, which goes with the with-statement, whatever ends it.

    Args:
        plan: whose networks.
        command: starts a worker.
        trees: working directories of the commits that specs name.

    Raises:
        DataFileError: no temporary folder can be made.
    """
    with scratch_folder("sebench-export-") as root:
        yield Exporter(plan, root, command=command, trees=trees)


def _keys(session: Session, *, apart: bool) -> dict[Side, _Key]:
    pair = session.pair
    sides: tuple[tuple[Side, ModelSpec, ModelSpec], ...] = (
        ("baseline", pair.baseline, pair.candidate),
        ("candidate", pair.candidate, pair.baseline),
    )
    return {
        side: _key(spec, None if apart else beside, session.workload.of(spec))
        for side, spec, beside in sides
        if runtime_info(session.workload.of(spec).runtime).is_exported
    }


def _key(spec: ModelSpec, beside: ModelSpec | None, workload: Workload) -> _Key:
    """Only a network of others beside another variant of it is built differently (`sebench.surgery`)."""
    spec = replace(spec, runtime=None)
    beside = None if beside is None else replace(beside, runtime=None)
    if beside == spec or models.source_of(spec.model).own_variant != ASIS:
        beside = None
    is_variant = beside is not None and replace(beside, variant=spec.variant) == spec
    return _Key(spec, beside if is_variant else None, workload)
