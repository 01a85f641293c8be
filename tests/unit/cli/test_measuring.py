"""What commands hand to the runner."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.core import TyperCommand

from sebench.cli import _measuring
from sebench.cli._measuring import (
    Announcer,
    answer_text,
    bar_label,
    bar_line,
    late_text,
    progress_bar,
    run_context,
    status_text,
)
from sebench.runner.measuring.context import Host
from sebench.runner.progress import Holder, Progress, unobserved
from sebench.statistics import RatioEstimate


@pytest.fixture
def called():
    """The context of a command that was called with an object."""
    return lambda obj: typer.Context(TyperCommand("compare"), obj=obj)


def test_a_host_that_the_command_carries_is_measured_on(called, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/sebench", "compare", "-q"])
    host = Host(command=("worker",))
    found = run_context(called(host), unobserved, cache=False, calibrations=Path("noise"))
    assert found.host is host
    assert (found.argv, found.cache, found.trees) == (("sebench", "compare", "-q"), None, {})
    assert found.calibrations.directory == Path("noise")
    assert found.observer is unobserved


@pytest.mark.parametrize("obj", [None, "something else"])
def test_anything_else_is_this_machine(called, obj):
    found = run_context(called(obj), unobserved, cache=True)
    assert found.host == Host()
    assert found.cache.directory.name == "counts"
    assert found.calibrations is None


RATIO = RatioEstimate(
    ratio=1.0212, ci_low=1.0149, ci_high=1.0271, confidence=0.95, method="m", scope="process",
    processes=2, blocks=16,
)  # fmt: skip
START = Progress(
    stage="preparing",
    title="resnet50: se against plain",
    session=0,
    sessions=1,
    process=0,
    processes=6,
    block=0,
    blocks=8,
    elapsed_s=1.0,
    left_s=79.0,
    aim_s=80.0,
)
READY = replace(START, stage="measuring", elapsed_s=6.0, left_s=74.0)
SECOND = replace(START, stage="measured", process=1, block=8, elapsed_s=31.4, left_s=50.2, ratio=RATIO)


@pytest.fixture
def said(monkeypatch):
    """The lines that an announcer says of a course of events."""

    def run(*events):
        lines = []
        monkeypatch.setattr(_measuring, "say", lines.append)
        announcer = Announcer()
        for event in events:
            announcer(event)
        return lines

    return run


def test_a_line_per_process_has_elapsed_left_and_ratio(said):
    first = replace(START, stage="measured", block=8, elapsed_s=18.0, left_s=62.0)
    blocks = [replace(READY, block=number, elapsed_s=6.0 + number) for number in range(1, 9)]
    assert said(START, READY, *blocks, first, SECOND) == [
        "measuring resnet50: se against plain (1 of 1)",
        "process 1 of 6: 18 s elapsed, about 62 s left",
        "process 2 of 6: 31 s elapsed, about 50 s left, so far 1.021 [1.015, 1.027]",
    ]


def test_the_exact_part_comes_first_and_has_a_line(said):
    counted = replace(START, stage="counted", exact={"params": 1.0994, "macs": 1.0007, "flops": 1.1})
    assert said(counted, START) == [
        "exact: params +9.94 %, MACs +0.07 %",
        "measuring resnet50: se against plain (1 of 1)",
    ]
    assert said(replace(counted, sessions=2, exact={"bytes": 1.031})) == [
        "exact (resnet50: se against plain): bytes moved +3.10 %"
    ]
    assert said(replace(counted, exact={})) == []  # neither network can be counted


ONE = replace(RATIO, scope="within-process", processes=1, blocks=6)


def test_the_first_interval_has_a_line_and_says_what_it_is_of(said):
    point = replace(ONE, ci_low=None, ci_high=None, blocks=5)
    fifth = replace(READY, block=5, elapsed_s=11.0, ratio=point)
    sixth = replace(READY, block=6, elapsed_s=12.0, ratio=ONE)
    ended = replace(SECOND, process=0, ratio=ONE, elapsed_s=14.0)
    assert said(READY, fifth, sixth, replace(sixth, block=7, elapsed_s=13.0), ended, SECOND)[1:] == [
        "after 12 s, one process: 1.021 [1.015, 1.027], does not cover other processes",
        "process 1 of 6: 14 s elapsed, about 50 s left, so far 1.021 [1.015, 1.027], "
        "does not cover other processes",
        "process 2 of 6: 31 s elapsed, about 50 s left, so far 1.021 [1.015, 1.027]",
    ]


def test_the_interval_of_all_that_was_planned_is_the_ratio():
    last = replace(SECOND, process=5, left_s=0.0)
    assert status_text(last) == "process 6 of 6: 31 s elapsed, about 0 s left, ratio 1.021 [1.015, 1.027]"
    assert (SECOND.is_interim, last.is_interim, replace(last, stage="memory").is_interim) == (
        *(True, False, False),
    )


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (READY, ""),
        (SECOND, "after 31 s, 2 of 6 processes: 1.021 [1.015, 1.027], interim"),
        (
            replace(READY, ratio=replace(ONE, ci_low=None, ci_high=None)),
            "after 6 s, one process: 1.021, too few blocks for an interval",
        ),
        (
            replace(SECOND, process=5, ratio=replace(RATIO, processes=6)),
            "after 31 s, 6 of 6 processes: 1.021 [1.015, 1.027]",
        ),
    ],
)
def test_the_answer_so_far(progress, text):
    assert answer_text(progress) == text


def test_a_process_that_takes_minutes_is_not_silent(said):
    # Blocks of 12 s: lines at the first blocks that end 30 s or more after the line before, at 1 s.
    blocks = [
        replace(READY, processes=1, block=number, blocks=9, elapsed_s=6.0 + 12 * number, left_s=None)
        for number in range(1, 10)
    ]
    assert said(START, *blocks)[1:] == [
        "process 1 of 1, block 3 of 9: 42 s elapsed",
        "process 1 of 1, block 6 of 9: 78 s elapsed",
        # With the ninth block the process has ended, which is said in a line of its own.
    ]


def test_a_gate_names_every_pair(said):
    other = replace(START, title="vgg16_bn: se against plain")
    assert [line for line in said(START, other) if line.startswith("measuring")] == [
        "measuring resnet50: se against plain (1 of 1)",
        "measuring vgg16_bn: se against plain (1 of 1)",
    ]


def test_a_promise_that_cannot_be_kept_is_said_before_a_block_is_timed(said):
    quick = replace(START, processes=1, blocks=12, least_blocks=12, left_s=20.0, aim_s=21.0)
    slow = replace(quick, stage="measuring", elapsed_s=31.0, left_s=120.0)
    assert (
        said(quick, slow, replace(slow, block=1, elapsed_s=41.0, left_s=110.0))
        == [
            "measuring resnet50: se against plain (1 of 1)",
            # 31 + 120 = 151 s
            "this will take about 2.5 min rather than 21 s: the fewest blocks, 1 process x 12 blocks, "
            "take that long (--budget sets a limit)",
            "process 1 of 1: 31 s elapsed, about 2.0 min left",
        ][:2]
    )


@pytest.mark.parametrize(
    ("elapsed_s", "left_s", "late"),
    [(5.0, 20.2, False), (5.0, 20.3, True)],  # 1.2 x 21 = 25.2
)
def test_a_fifth_longer_is_not_worth_a_word(elapsed_s, left_s, late):
    progress = replace(READY, processes=1, elapsed_s=elapsed_s, left_s=left_s, aim_s=21.0)
    assert bool(late_text(progress)) == late
    assert late_text(replace(progress, stage="preparing")) == ""


def test_who_is_waited_for(said):
    waiting = replace(START, stage="waiting")
    named = replace(waiting, holder=Holder(4242, "sebench compare -m vgg16_bn"))
    assert said(waiting, named) == [
        "waiting: another sebench run is measuring on this device",
        "waiting: another sebench run is measuring on this device (pid 4242: sebench compare -m vgg16_bn)",
    ]


def test_what_follows_the_times(said):
    memory, energy = (replace(START, stage=stage, left_s=None) for stage in ("memory", "energy"))
    assert said(memory, energy) == [
        "measuring memory of resnet50: se against plain",
        "measuring energy of resnet50: se against plain: this takes minutes",
    ]


def drawn(progress, width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(bar_line(progress, width))
    return console.file.getvalue().rstrip("\n")


def test_the_bar_fits_eighty_columns():
    # 1 + 8/8 of 6 processes: a third of a bar of 10
    assert drawn(SECOND, 80).split() == [
        *("resnet50:", "se", "against", "plain", "2/6"),
        *("━━━", "50", "s", "left"),
    ]
    assert SECOND.completed == pytest.approx(2 / 6)


LONG = replace(
    SECOND, title="torchvision:efficientnet_v2_s: se(r=8,stages=2-4) against se", session=1, sessions=12
)


@pytest.mark.parametrize("progress", [SECOND, LONG, replace(LONG, left_s=35000.0)])
@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_the_bar_is_one_line_at_any_width(progress, width):
    line = drawn(progress, width)
    assert "\n" not in line
    assert len(line.rstrip()) < width
    assert "2/6" in line


def test_a_long_title_keeps_both_ends():
    label = bar_label(LONG, 38)
    assert len(label) == 38
    assert label.startswith("2/12 torchvision:")
    assert label.endswith("against se 2/6")


def test_status_of_a_process_that_goes_on():
    assert status_text(replace(SECOND, stage="measuring", block=3)) == (
        "process 2 of 6, block 3 of 8: 31 s elapsed, about 50 s left, so far 1.021 [1.015, 1.027]"
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_keeps_the_exact_part_and_draws_the_answer_anew(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with progress_bar(quiet=False) as observe:
        observe(replace(START, stage="counted", exact={"params": 1.0994}))
        observe(replace(READY, block=6, elapsed_s=12.0, ratio=ONE))
        observe(SECOND)
    lines = [line.split("\x1b[2K")[-1] for line in terminal.getvalue().splitlines()]
    kept = [line for line in lines if line.startswith("exact")]
    assert kept == ["exact: params +9.94 %"]
    drawn_anew = dict.fromkeys(line.rstrip() for line in lines if line.startswith("after"))
    assert list(drawn_anew) == [
        "after 12 s, one process: 1.021 [1.015, 1.027], does not cover other processes",
        "after 31 s, 2 of 6 processes: 1.021 [1.015, 1.027], interim",
    ]
