"""What a command that measures hands to the runner, and how far that is, told on stderr.

On a terminal two lines are drawn anew: how far it is, and the answer so far. Elsewhere there is a line for
the first interval and one per process. The exact part has a line of its own as soon as it is known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sebench.cli._boundary import say
from sebench.lines import single_line
from sebench.units import format_duration, format_percent, number_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sebench.runner.measuring.context import RunContext
    from sebench.runner.progress import Holder, Observer, Progress


def run_context(
    context: typer.Context,
    observer: Observer | None = None,
    *,
    cache: bool,
    calibrations: Path | None = None,
    results: Path | None = None,
) -> RunContext:
    """What every plan of a command is measured with.

    Args:
        context: of the command. An object that it carries is the `Host` to measure on: tests pass one with
            ``CliRunner().invoke(app, arguments, obj=host)``.
        observer: told about every step; None where nothing is measured.
        cache: whether counts are kept and looked up in the user's cache.
        calibrations: folder of the noise of this machine; None looks nothing up.
        results: folder of earlier results, which tell how much fresh processes differ; None likewise.
    """
    from sebench.runner.counting.counter import default_cache
    from sebench.runner.measuring.calibrations import Calibrations
    from sebench.runner.measuring.context import Host, RunContext
    from sebench.runner.progress import unobserved
    from sebench.store import ResultStore

    return RunContext(
        cache=default_cache() if cache else None,
        calibrations=None if calibrations is None else Calibrations(calibrations),
        results=None if results is None else ResultStore(results),
        argv=("sebench", *sys.argv[1:]),
        observer=observer or unobserved,
        host=context.find_object(Host) or Host(),
    )


SILENCE_S = 30.0
"""Without a bar, a line comes at the first block after so long a silence, even within a process."""
LATE_RATIO = 1.2
"""Beyond this part of what was promised it is said how long it will take."""

_BAR, _GAP = 10, 1
_LEAST_LABEL = 16


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Observer]:
    """An observer for `runner.measuring.run`.

    It says something only when something happened: a timer thread would run beside the steps that are
    being timed.
    """
    if quiet:
        yield lambda progress: None
    elif sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar() as observer:
            yield observer
    else:
        yield Announcer()


class Announcer:
    """Says what is measured, how long it will take, and where each process left it."""

    def __init__(self) -> None:
        self._session = (-1, "")  # a gate begins with session 0 for each of its pairs
        self._warned = self._answered = False
        self._said_s = 0.0

    def __call__(self, progress: Progress) -> None:
        """Say what there is to say, if anything."""
        for line in self._lines(progress):
            say(line)
            self._said_s = progress.elapsed_s

    def _lines(self, progress: Progress) -> Iterator[str]:
        if progress.stage == "counted":
            yield from exact_text(progress)
            return
        if progress.stage == "waiting":
            yield waiting_text(progress.holder)
            return
        if progress.stage in ("memory", "energy"):
            takes = ": this takes minutes" if progress.stage == "energy" else ""
            yield f"measuring {progress.stage} of {progress.title}{takes}"
            return
        if (progress.session, progress.title) != self._session:
            self._session = (progress.session, progress.title)
            self._warned = self._answered = False
            yield f"measuring {progress.title} ({progress.session + 1} of {progress.sessions})"
        if not self._warned and (late := late_text(progress)):
            self._warned = True
            yield late
        goes_on = progress.stage == "measuring" and progress.block < progress.blocks
        silent = progress.elapsed_s - self._said_s >= SILENCE_S
        first = has_interval(progress) and not self._answered
        self._answered = self._answered or has_interval(progress)
        if goes_on and first:
            yield answer_text(progress)
        elif progress.stage == "measured" or (goes_on and silent):
            yield status_text(progress)


def exact_text(progress: Progress) -> Iterator[str]:
    """The exact part, e.g. ``exact: params +9.94 %, MACs +0.07 %``; nothing where nothing is known.

    Of several pairs each says which it is.
    """
    told = [
        f"{label} {format_percent(progress.exact[name])}"
        for name, label in (("params", "params"), ("macs", "MACs"), ("bytes", "bytes moved"))
        if name in progress.exact
    ]
    if told:
        which = f" ({progress.title})" if progress.sessions > 1 else ""
        yield f"exact{which}: {', '.join(told)}"


def has_interval(progress: Progress) -> bool:
    """Whether there is an interval, however wide."""
    return progress.ratio is not None and progress.ratio.ci_low is not None


def answer_text(progress: Progress) -> str:
    """The ratio so far with what its interval holds for; empty before the first valid block.

    E.g. ``after 12 s, one process: 1.021 [1.008, 1.036], does not cover other processes``.
    """
    ratio = progress.ratio
    if ratio is None or ratio.ratio is None:
        return ""
    after = f"after {format_duration(progress.elapsed_s)}"
    if ratio.scope == "within-process":
        covers = (
            "does not cover other processes" if has_interval(progress) else "too few blocks for an interval"
        )
        return f"{after}, one process: {describe_ratio(progress)}, {covers}"
    of = f"{ratio.processes} of {number_of(progress.processes, 'process')}"
    return f"{after}, {of}: {describe_ratio(progress)}{', interim' if progress.is_interim else ''}"


def waiting_text(holder: Holder | None) -> str:
    """Whom a run waits for."""
    named = f" ({holder})" if holder else ""
    return f"waiting: another sebench run is measuring on this device{named}"


def late_text(progress: Progress) -> str:
    """How long it will take; empty where that is about what the effort promises, or not known yet."""
    left_s, aim_s = progress.left_s, progress.aim_s
    # What it will take is known when the first process is ready.
    if left_s is None or aim_s is None or progress.stage != "measuring":
        return ""
    whole_s = progress.elapsed_s + left_s
    if whole_s <= LATE_RATIO * aim_s:
        return ""
    planned = f"{number_of(progress.processes, 'process')} x {progress.blocks} blocks"
    why = f"the fewest blocks, {planned}" if progress.blocks <= progress.least_blocks else f"up to {planned}"
    limit = " (--budget sets a limit)" if progress.least_blocks else ""
    return (
        f"this will take about {format_duration(whole_s)} rather than {format_duration(aim_s)}: "
        f"{why}, take that long{limit}"
    )


def status_text(progress: Progress) -> str:
    """Where it stands, e.g. ``process 2 of 6: 31 s elapsed, about 50 s left, so far 1.02 [1.00, 1.04]``."""
    blocks = "" if progress.stage == "measured" else f", block {progress.block} of {progress.blocks}"
    ratio = describe_ratio(progress)
    parts = (
        f"{format_duration(progress.elapsed_s)} elapsed",
        "" if progress.left_s is None else f"about {format_duration(progress.left_s)} left",
        f"{'so far' if progress.is_interim else 'ratio'} {ratio}" if ratio else "",
        "does not cover other processes" if has_interval(progress) and _of_one_process(progress) else "",
    )
    process = f"process {progress.process + 1} of {progress.processes}{blocks}"
    return f"{process}: {', '.join(part for part in parts if part)}"


def _of_one_process(progress: Progress) -> bool:
    return progress.ratio is not None and progress.ratio.scope == "within-process"


def describe_ratio(progress: Progress) -> str:
    """The running ratio with its interval, e.g. ``1.021 [1.015, 1.027]``."""
    headline = progress.ratio
    if headline is None or headline.ratio is None:
        return ""
    if headline.ci_low is None or headline.ci_high is None:
        return f"{headline.ratio:.3f}"
    return f"{headline.ratio:.3f} [{headline.ci_low:.3f}, {headline.ci_high:.3f}]"


# --- the bar --------------------------------------------------------------------------------------------


@contextmanager
def _bar() -> Iterator[Observer]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    warned: set[int] = set()
    with Live("starting", console=console, auto_refresh=False, transient=True) as live:

        def observe(progress: Progress) -> None:
            if progress.stage == "counted":
                for line in exact_text(progress):
                    console.print(single_line(line), markup=False, highlight=False)
                return
            late = late_text(progress)
            if late and progress.session not in warned:
                warned.add(progress.session)
                console.print(late, markup=False, highlight=False)
            answer = Text(answer_text(progress), no_wrap=True, overflow="ellipsis")
            live.update(Group(bar_line(progress, console.width), *([answer] if answer else ())), refresh=True)

        yield observe


def bar_line(progress: Progress, width: int) -> RenderableType:
    """One line of at most `width` columns: label, bar, time left. What is too much gives way in turn.

    Args:
        progress: what it shows.
        width: of the terminal.
    """
    from rich.cells import cell_len
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    if progress.stage == "waiting":
        return Text(single_line(waiting_text(progress.holder)), no_wrap=True, overflow="ellipsis")
    left = "" if progress.left_s is None else f"{format_duration(progress.left_s)} left"
    for bar, shown in ((_BAR, left), (0, left), (0, "")):
        texts = [shown] if shown else []
        taken = sum(cell_len(text) + _GAP for text in texts) + (bar + _GAP if bar else 0)
        if width - 1 - taken >= _LEAST_LABEL:
            break
    label = single_line(bar_label(progress, max(width - 1 - taken, 1)))
    cells: list[RenderableType] = [Text(label)]
    if bar:
        cells.append(ProgressBar(total=1.0, completed=progress.completed, width=bar))
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in (*cells, *texts):
        grid.add_column(no_wrap=True)
    grid.add_row(*cells, *map(Text, texts))
    return grid


def bar_label(progress: Progress, width: int) -> str:
    """What is measured and which process, e.g. ``resnet50: se against plain 2/6``; the title is cut first."""
    beside_times = progress.stage in ("memory", "energy")
    process = f"{min(progress.process + 1, progress.processes)}/{progress.processes}"
    tail = progress.stage if beside_times else process
    head = f"{progress.session + 1}/{progress.sessions} " if progress.sessions > 1 else ""
    room = width - len(head) - len(tail) - 1
    if room < 0:
        return tail[:width]
    title = progress.title
    if len(title) > room:
        # Both ends tell pairs apart: the network, and what is compared.
        kept = max(room - 1, 0)
        title = f"{title[: kept - kept // 2]}…{title[len(title) - kept // 2 :]}" if kept else ""
    return f"{head}{title} {tail}"
