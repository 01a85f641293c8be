"""A progress bar on stderr with the time left and the ratio so far; silent where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sebench.cli._boundary import say
from sebench.lines import single_line

if TYPE_CHECKING:
    from sebench.runner.progress import Observer, Progress


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Observer]:
    """An observer for `runner.measuring.run`.

    On a terminal it draws a bar; otherwise it says once per pair what is being measured. It redraws only
    when something happened: a timer thread would run beside the steps that are being timed.
    """
    if quiet:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _rich_bar() as observer:
            yield observer
    else:
        yield _Announcer()


def describe_ratio(progress: Progress) -> str:
    """The running ratio with its interval, e.g. ``1.021 [1.015, 1.027]``."""
    headline = progress.ratio
    if headline is None or headline.ratio is None:
        return ""
    if headline.ci_low is None or headline.ci_high is None:
        return f"{headline.ratio:.3f}"
    return f"{headline.ratio:.3f} [{headline.ci_low:.3f}, {headline.ci_high:.3f}]"


class _Announcer:
    def __init__(self) -> None:
        self._session = -1

    def __call__(self, progress: Progress) -> None:
        if progress.waiting:
            say("waiting: another sebench run is measuring on this device")
        elif progress.activity:
            say(f"measuring {progress.activity} of {progress.title}: this takes minutes")
        elif progress.session != self._session:
            self._session = progress.session
            say(f"measuring {progress.title} ({progress.session + 1} of {progress.sessions})")


@contextmanager
def _rich_bar() -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[ratio]}", markup=False),
    )
    with Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task("starting", total=1.0, ratio="")

        def observe(progress: Progress) -> None:
            bar.update(
                task,
                completed=_completed(progress),
                description=single_line(
                    "waiting for another sebench run"
                    if progress.waiting
                    else f"{progress.title}, {progress.activity}"
                    if progress.activity
                    else f"{progress.title}, process {progress.process + 1}/{progress.processes}"
                ),
                ratio=describe_ratio(progress),
                refresh=True,
            )

        yield observe


def _completed(progress: Progress) -> float:
    within = progress.block / progress.blocks if progress.blocks else 0.0
    session = (progress.process + within) / progress.processes
    return (progress.session + min(session, 1.0)) / progress.sessions
