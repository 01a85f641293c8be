"""Curves of a run: rows of a CSV file, and of TensorBoard where that is asked for."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sebench.errors import DataFileError, UsageError
from sebench.training.files import CURVES

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

COLUMNS = (
    "seed",
    "variant",
    "split",
    "epoch",
    "step",
    "learning_rate",
    "loss",
    "top1_error",
    "top5_error",
    "images",
    "images_per_s",
)
"""``split`` is ``train`` (means since the row before) or ``val`` (after an epoch, over all test images);
``step`` counts from 1 over all epochs."""


class Curves:
    """The file of curves, as long as a run writes to it.

    Args:
        folder: of the run.
        length: bytes that there are of it, by the checkpoint that the run goes on from; what follows them is
            cut off.
        step: that comes next.
        tensorboard: whether to write for TensorBoard too.

    Raises:
        DataFileError: the file is shorter than at the checkpoint, or cannot be written.
        UsageError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, *, length: int, step: int, tensorboard: bool) -> None:
        self._board = _board(folder, step) if tensorboard else None
        path = folder / CURVES
        try:
            self._file = path.open("r+b" if path.exists() else "w+b")
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise DataFileError(f"cannot write {path}: {error.strerror}") from error
        if self._file.tell() < length:
            self._file.close()
            raise DataFileError(
                f"{path} is shorter than it was at the checkpoint",
                hint="delete both to begin this seed again",
            )
        self._file.truncate(length)
        self._file.seek(length)
        if not length:
            self._file.write(_line(COLUMNS))

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row, with a value for each of `COLUMNS`."""
        self._file.write(_line([row[column] for column in COLUMNS]))
        if self._board is None:
            return
        for name in ("loss", "top1_error", "top5_error", "learning_rate", "images_per_s"):
            if isinstance(value := row[name], float):
                self._board.add_scalar(f"{name}/{row['split']}/{row['variant']}", value, row["step"])

    def flushed(self) -> int:
        """Its length, all of it on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def _line(values: list[object] | tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _board(folder: Path, step: int) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - it may not be installed
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs TensorBoard, which is not installed", hint="pip install tensorboard"
        ) from error
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step or None)
