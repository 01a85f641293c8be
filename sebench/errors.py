"""The one exception root, its leaves by cause, and the exit code each leads to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_GATE_FAILED = 3
EXIT_INCONCLUSIVE = 4
EXIT_INTERRUPTED = 130


class SebenchError(Exception):
    """A problem the user can act on: one line saying what, where and the next step."""

    exit_code: ClassVar[int] = EXIT_ERROR

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(SebenchError):
    """An option value that cannot be meant (exit code 2, as Typer's own usage errors)."""

    exit_code = EXIT_USAGE


class UnknownModelError(UsageError):
    """A model name that no registry knows."""


class VariantError(UsageError):
    """A variant string outside the grammar, or one that does not fit the network."""


class BuildError(SebenchError):
    """A network could not be built or run at the requested input."""


class CountError(BuildError):
    """A network that cannot be counted, though it may well run."""


class DeviceError(SebenchError):
    """The requested device is missing or unusable."""


class WorkerError(SebenchError):
    """A measuring process died, ran out of memory or returned unusable values."""


class BudgetError(SebenchError):
    """The time budget does not cover one block of measurements."""


class UnavailableError(SebenchError):
    """A metric that was asked for has no figure."""


class DataFileError(SebenchError):
    """A file is damaged, foreign, newer than this version, or cannot be read or written."""


class ConfigurationError(DataFileError):
    """The project's own configuration says something that cannot be meant."""


class DeterminismError(SebenchError):
    """A figure that has to be exact came out differently the second time."""


class NoResultsError(SebenchError):
    """Nothing that is stored is what was asked for, so nothing was compared."""

    exit_code = EXIT_INCONCLUSIVE


class Interrupted(SebenchError):  # noqa: N818 - named after the signal, not after a fault
    """The user pressed Ctrl-C; whatever was measured so far has been handed over."""

    exit_code = EXIT_INTERRUPTED


def raise_it(error: SebenchError) -> None:
    """What to do about an error where nobody knows better.

    Raises:
        SebenchError: this one.
    """
    raise error


def near_matches(word: str, known: Iterable[str]) -> str | None:
    """A hint such as ``did you mean 'resnet50'?``, or None where nothing is close."""
    return did_you_mean(difflib.get_close_matches(word, list(known), n=3, cutoff=0.6))


def did_you_mean(names: Iterable[str]) -> str | None:
    """The hint of `near_matches` for names that were matched otherwise; None where there are none."""
    quoted = " or ".join(map(repr, names))
    return f"did you mean {quoted}?" if quoted else None
