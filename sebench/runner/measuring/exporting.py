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
from sebench.schema import ASIS, ModelSpec, Plan, Session, Side, Workload, parse_variant, runtime_info
from sebench.schema.forms import FORMS, form_named
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


class Key(NamedTuple):
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
        self._known: dict[Key, Export] = {}

    def exports_of(self, session: Session, *, within_s: float | None = None) -> Exports:
        """The files of a session.

        Args:
            session: of the plan.
            within_s: how long it may take in all; None is for ever.

        Raises:
            WorkerError: a network cannot be built or exported, or computes something else than eager.
            OutOfTime: it was not exported in time.
        """
        keys = keys_of(session, apart=bool(self._trees))
        return {side: self._export(key, session, within_s) for side, key in keys.items()}

    def serve(self, plan: Plan) -> None:
        """Export for another plan from now on; what has other weights is removed."""
        if plan.seed != self._plan.seed:
            self.keep_for(())
        self._plan = plan

    def keep_for(self, sessions: Sequence[Session]) -> None:
        """Remove the files that none of the sessions needs: those of many networks are large."""
        apart = bool(self._trees)
        needed = {key for each in sessions for key in keys_of(each, apart=apart).values()}
        for key in set(self._known) - needed:
            shutil.rmtree(self._known.pop(key).folder, ignore_errors=True)

    def _export(self, key: Key, session: Session, within_s: float | None) -> Export:
        if key not in self._known:
            folder = Path(tempfile.mkdtemp(dir=self._root))
            self._known[key] = Export(folder, self._ask(key, folder, session, within_s))
        return self._known[key]

    def _ask(self, key: Key, folder: Path, session: Session, within_s: float | None) -> Exported:
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
    plan: Plan,
    *,
    command: Sequence[str] = WORKER_COMMAND,
    trees: Trees = MappingProxyType({}),
    shared: Exporter | None = None,
) -> Iterator[Exporter]:
    """Export networks to a temporary folder, which goes with the with-statement, whatever ends it.

    Args:
        plan: whose networks.
        command: starts a worker.
        trees: working directories of the commits that specs name.
        shared: of a command that measures several plans: used instead of a new one, and stays.

    Raises:
        DataFileError: no temporary folder can be made.
    """
    if shared is not None:
        shared.serve(plan)
        yield shared
        return
    with scratch_folder("sebench-export-") as root:
        yield Exporter(plan, root, command=command, trees=trees)


def keys_of(session: Session, *, apart: bool) -> dict[Side, Key]:
    """What the exports of a session are known by; of the sides whose runtime takes files.

    Args:
        session: of a plan.
        apart: whether each side is built from a tree of its own.
    """
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


def _as_neighbour(variant: str) -> str:
    """One of the variants beside which the other side of a pair is built alike.

    That depends on whether a form needs a graph, not on which one does.
    """
    parsed = parse_variant(variant)
    levels = {form_named(name).level for name in parsed.forms}
    if not levels - {"module"}:
        return str(parsed.standard)
    return str(parsed.replaced(form=next(((form.name,) for form in FORMS if form.level == "graph"), ())))


def _key(spec: ModelSpec, beside: ModelSpec | None, workload: Workload) -> Key:
    """Only a network of others beside another variant of it is built differently (`sebench.surgery`)."""
    spec = replace(spec, runtime=None)
    beside = None if beside is None else replace(beside, runtime=None, variant=_as_neighbour(beside.variant))
    if beside == spec or models.source_of(spec.model).own_variant != ASIS:
        beside = None
    is_variant = beside is not None and replace(beside, variant=spec.variant) == spec
    return Key(spec, beside if is_variant else None, workload)
