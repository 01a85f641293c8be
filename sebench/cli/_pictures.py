"""``--plot``: refused before anything is done, drawn after everything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.cli._boundary import complain
from sebench.errors import EXIT_ERROR, EXIT_OK, SebenchError, UsageError
from sebench.store import check_writable, write_atomic

if TYPE_CHECKING:
    from sebench.reporting.chart import Picture


def check_plot(plot: Path | None, output: str = "-") -> None:
    """Refuse a picture now rather than after the measurement.

    Args:
        plot: a path; None asks for no picture.
        output: where the text goes.

    Raises:
        DataFileError: it cannot be written.
        UsageError: it cannot be drawn, or the text goes to the same file.
    """
    if plot is not None:
        from sebench.reporting.drawing import check_picture

        check_picture(_picture_format(plot))
        if output != "-" and Path(output).absolute() == plot.absolute():
            raise UsageError(f"--plot and --output both name {plot}", hint="name two files")
        check_writable(plot)


def draw_plot(plot: Path | None, picture: Callable[[], Picture]) -> int:
    """Write the picture of what has been shown, and stored, before.

    Args:
        plot: a path; None asks for no picture.
        picture: makes it.

    Returns:
        The exit code: 1, after one line of error, where it cannot be drawn or written.
    """
    if plot is None:
        return EXIT_OK
    from sebench.reporting.drawing import draw

    try:
        write_atomic(plot, draw(picture(), _picture_format(plot)))
    except SebenchError as error:
        complain(f"the picture was not drawn: {error}")
        return EXIT_ERROR
    return EXIT_OK


def _picture_format(plot: Path) -> str:
    return plot.suffix.removeprefix(".").lower()
