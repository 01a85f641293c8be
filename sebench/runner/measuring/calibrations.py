"""Where calibrations are kept: one file per set-up, network and workload."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.files import Unreadable, describe_damage, read_file
from sebench.schema import (
    Calibration,
    CalibrationSession,
    ModelSpec,
    Workload,
    spec_identity,
    workload_identity,
)
from sebench.store import check_header, write_atomic


class Calibrations:
    """A directory of `Calibration` files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def find(self, fingerprint: str, spec: ModelSpec, workload: Workload) -> Calibration | None:
        """The calibration of exactly this set-up, network and workload; None without one.

        Raises:
            DataFileError: there is a file, and it cannot be read, or is no calibration of this version.
        """
        path = self.path(fingerprint, spec, workload)
        try:
            content = read_file(path)
            check_header(content, "calibration")
            return msgspec.json.decode(content, type=Calibration)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except DataFileError as error:
            raise DataFileError(f"{path} {error.message}", hint=_AGAIN) from error
        except OSError as error:
            raise DataFileError(f"cannot read {path}: {error.strerror}") from error
        except Unreadable as error:
            raise DataFileError(f"{path} is damaged: {describe_damage(error)}", hint=_AGAIN) from error

    def add(
        self, fingerprint: str, spec: ModelSpec, workload: Workload, session: CalibrationSession
    ) -> Calibration:
        """Store one more session; of several at the same time, none is lost.

        Raises:
            DataFileError: the directory cannot be written, or holds a file that cannot be read.
        """
        path = self.path(fingerprint, spec, workload)
        with _locked(path):
            calibration = self.extended(fingerprint, spec, workload, session)
            write_atomic(path, msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n")
        return calibration

    def extended(
        self, fingerprint: str, spec: ModelSpec, workload: Workload, session: CalibrationSession
    ) -> Calibration:
        """What is stored and one more session, without storing it.

        Raises:
            DataFileError: there is a file that cannot be read.
        """
        known = self.find(fingerprint, spec, workload)
        known = known or Calibration(fingerprint=fingerprint, spec=_anywhere(spec), workload=workload)
        return replace(known, sessions=(*known.sessions, session))

    def path(self, fingerprint: str, spec: ModelSpec, workload: Workload) -> Path:
        """Of the file, whether it exists or not."""
        described = msgspec.json.encode((fingerprint, spec_identity(spec), workload_identity(workload)))
        return self.directory / f"{hashlib.sha256(described).hexdigest()[:32]}.json"


_AGAIN = "delete it and calibrate again"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The only writer of a file, from reading it to replacing it."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise DataFileError(f"cannot write {path}: {error.strerror}", hint="choose another path") from error
    try:
        yield
    finally:
        lock.release()


def _anywhere(spec: ModelSpec) -> ModelSpec:
    """The noise of a network does not depend on the tree it is imported from."""
    return replace(spec, commit=None)
