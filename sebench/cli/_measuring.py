"""What a command that measures hands to the runner."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sebench.runner.measuring.context import RunContext
    from sebench.runner.progress import Observer


def run_context(
    context: typer.Context,
    observer: Observer | None = None,
    *,
    cache: bool,
    calibrations: Path | None = None,
) -> RunContext:
    """What every plan of a command is measured with.

    Args:
        context: of the command. An object that it carries is the `Host` to measure on: tests pass one with
            ``CliRunner().invoke(app, arguments, obj=host)``.
        observer: told about every step; None where nothing is measured.
        cache: whether counts are kept and looked up in the user's cache.
        calibrations: folder of the noise of this machine; None looks nothing up.
    """
    from sebench.runner.counting.counter import default_cache
    from sebench.runner.measuring.calibrations import Calibrations
    from sebench.runner.measuring.context import Host, RunContext
    from sebench.runner.progress import unobserved

    return RunContext(
        cache=default_cache() if cache else None,
        calibrations=None if calibrations is None else Calibrations(calibrations),
        argv=("sebench", *sys.argv[1:]),
        observer=observer or unobserved,
        host=context.find_object(Host) or Host(),
    )
