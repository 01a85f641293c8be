"""Where calibrations are kept: one file per set-up, network and workload."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.schema import Calibration, CalibrationSession, ModelSpec, Workload
from sebench.store import write_atomic


class Calibrations:
    """A directory of `Calibration` files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def find(self, fingerprint: str, spec: ModelSpec, workload: Workload) -> Calibration | None:
        """The calibration of exactly this set-up, network and workload; None without one.

        Raises:
            DataFileError: there is a file, and it cannot be read.
        """
        path = self.path(fingerprint, spec, workload)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Calibration)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise DataFileError(
                f"{path} cannot be read: {error}", hint="delete it and calibrate again"
            ) from error

    def add(
        self, fingerprint: str, spec: ModelSpec, workload: Workload, session: CalibrationSession
    ) -> Calibration:
        """Store one more session.

        Raises:
            DataFileError: the directory cannot be written.
        """
        known = self.find(fingerprint, spec, workload)
        calibration = known or Calibration(fingerprint=fingerprint, spec=_anywhere(spec), workload=workload)
        calibration = replace(calibration, sessions=(*calibration.sessions, session))
        text = msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n"
        write_atomic(self.path(fingerprint, spec, workload), text)
        return calibration

    def path(self, fingerprint: str, spec: ModelSpec, workload: Workload) -> Path:
        """Of the file, whether it exists or not."""
        described = msgspec.json.encode((fingerprint, _anywhere(spec), workload))
        return self.directory / f"{hashlib.sha256(described).hexdigest()[:32]}.json"


def _anywhere(spec: ModelSpec) -> ModelSpec:
    """The noise of a network does not depend on the tree it is imported from."""
    return replace(spec, commit=None)
