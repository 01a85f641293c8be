"""What is in the folder of a training run, and what is left of a seed; imports no torch."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.files import describe_damage, read_file
from sebench.schema.training import TrainedSeed, TrainingJob

JOB = "job.json"
"""What was asked."""
LOCK = ".lock"
RESULT = "training.json"
"""The document of all seeds."""
RUN = "run.json"
"""In the folder of a seed that is over: what came of it."""
CHECKPOINT = "checkpoint.pt"
"""In that of a seed that is not."""
CURVES, PREDICTIONS = "curves.csv", "predictions.csv"


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the files of a seed are."""
    return folder / f"seed-{seed}"


def read_job(folder: Path) -> TrainingJob:
    """The job of a folder.

    Raises:
        DataFileError: there is none, or it is damaged.
    """
    path = folder / JOB
    try:
        return msgspec.json.decode(read_file(path), type=TrainingJob)
    except (FileNotFoundError, NotADirectoryError):
        raise DataFileError(
            f"{folder} holds no training run: there is no {JOB} in it", hint="name the folder of --output"
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise DataFileError(f"{path} cannot be read: {describe_damage(error)}") from error


def read_run(folder: Path) -> TrainedSeed:
    """What is left of a seed that was trained to the end.

    Raises:
        DataFileError: the file is not there, or damaged.
    """
    path = folder / RUN
    try:
        return msgspec.json.decode(read_file(path), type=TrainedSeed)
    except (OSError, msgspec.MsgspecError) as error:
        raise DataFileError(
            f"{path} cannot be read: {describe_damage(error)}", hint="delete it to train this seed again"
        ) from error
