"""The samples of earlier invocations of a gate on the same code: pooled, so that repeating cannot help."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.models import is_users_own
from sebench.runner.repository.tree_state import tree_digest
from sebench.schema import Environment, Result, Session, fingerprint, workload_identity
from sebench.store import ResultStore, load_result


class AttemptStore:
    """One folder per question, in it one folder per invocation, in it its results."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def earlier(self, key: str) -> tuple[tuple[Result, ...], ...]:
        """Results by attempt, oldest first.

        Raises:
            DataFileError: one cannot be read; leaving it out would change the verdict unseen.
        """
        folders = sorted(folder for folder in (self.directory / key).glob("*") if folder.is_dir())
        read = (tuple(map(_load, ResultStore(folder).paths())) for folder in folders)
        return tuple(results for results in read if results)

    def begin(self, key: str) -> ResultStore:
        """Where the results of a new attempt go."""
        now = datetime.now(UTC)
        return ResultStore(self.directory / key / f"{now:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}")


def _load(path: Path) -> Result:
    try:
        return load_result(path)
    except DataFileError as error:
        raise DataFileError(error.message, hint="restore it, or delete it and its samples with it") from error


def attempt_key(session: Session, environment: Environment, *, written: Collection[Path] = ()) -> str | None:
    """What has to be equal for two invocations to ask the same question.

    The pair and its workload, the set-up, the installed packages, and the code in the repository.

    Args:
        session: the pair and its workload.
        environment: as known before anything is measured.
        written: files and folders that the invocation itself writes, which are no code.

    Returns:
        None where networks of the user's own come from no repository: their code may have changed.
    """
    digest = tree_digest(written=written)
    if digest is None and any(is_users_own(spec) for spec in (session.pair.baseline, session.pair.candidate)):
        return None
    described: Sequence[object] = (
        {"pair": session.pair, "workload": workload_identity(session.workload)},
        fingerprint(environment),
        sorted(environment.versions.items()),
        digest,
    )
    return hashlib.sha256(msgspec.json.encode(described)).hexdigest()[:32]
