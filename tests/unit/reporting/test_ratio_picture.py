"""The headline picture: sorted ratios, their intervals, and what is said of those without."""

import pytest

from sebench.analysis.change import changes
from sebench.reporting import change_picture, draw
from sebench.reporting.chart import Picture
from sebench.reporting.ratio_picture import (
    RatioRow,
    latency_panel,
    latency_rows,
    ratio_chart,
    ratio_notes,
    split_place,
)
from sebench.schema import Ratio
from tests.history import measured

SPREAD = [1.04, 1.05, 1.06]


def ratio(estimate, low=None, high=None, **fields):
    return Ratio(estimate=estimate, ci_low=low, ci_high=high, method="m", **fields)


def row(name, *figures, place=("CPU",), **fields):
    return RatioRow(name, place, ratio(*figures, **fields))


def test_rows_are_sorted_and_those_without_an_interval_marked_as_such():
    chart = ratio_chart(
        [row("c", 30.0, 20.0, 45.0), row("a", 0.5, 0.45, 0.55), row("b", 1.02)], "after / before"
    )
    assert chart.x.title == "after / before"
    assert chart.x.log
    assert chart.y.categories == ("a\nCPU", "b\nCPU", "c\nCPU")
    with_interval, without = chart.series
    assert [(p.x, p.y, p.low, p.high) for p in with_interval.points] == [
        (0.5, 0, 0.45, 0.55),
        (30.0, 2, 20.0, 45.0),
    ]
    assert [(p.x, p.y, p.low) for p in without.points] == [(1.02, 1, None)]
    assert [point.name for point in with_interval.points] == [
        "0.500 [0.450, 0.550]",
        "30.000 [20.000, 45.000]",
    ]
    assert [(level.at, level.on, level.name) for level in chart.levels] == [(1.0, "x", "no difference")]


def test_equal_ratios_keep_their_order():
    assert ratio_chart([row("b", 1.0), row("a", 1.0)]).y.categories == ("b\nCPU", "a\nCPU")


@pytest.mark.parametrize("estimate", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_what_no_logarithmic_axis_can_show_is_named_instead(estimate):
    rows = [row("good", 1.1, 1.0, 1.2), row("bad", estimate)]
    assert ratio_chart(rows).y.categories == ("good\nCPU",)
    assert ratio_notes(rows)[1] == "Without a ratio, and not shown: bad."


def test_of_many_without_a_ratio_five_are_named():
    rows = [row(f"n{number}", None) for number in range(8)]
    assert ratio_notes([*rows, row("x", 1.0)])[-1] == (
        "Without a ratio, and not shown: n0, n1, n2, n3, n4 and 3 more."
    )


@pytest.mark.parametrize("ends", [(0.0, 2.0), (None, 2.0), (0.5, None), (0.5, float("inf"))])
def test_an_interval_that_cannot_be_drawn_is_none(ends):
    assert row("a", 1.0, *ends).interval is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [row("a", 1.1, 1.0, 1.2)],
            "Bar: its 95 % confidence interval, from how fresh processes differ.",
        ),
        (
            [row("a", 1.1, 1.0, 1.2, scope="within-process")],
            "Bar: its 95 % confidence interval, from how the blocks of one process differ.",
        ),
        (
            [row("a", 1.1, 1.0, 1.2, scope="within-process"), row("b", 1.1, 1.0, 1.2, confidence=0.99)],
            "Bar: its 95 % or 99 % confidence interval, from how fresh processes differ "
            "(in 1 of 2 rows: the blocks of one process).",
        ),
    ],
)
def test_the_note_says_what_the_interval_is(rows, said):
    assert ratio_notes(rows) == (f"Mark: candidate / baseline. {said} Logarithmic axis; smaller is better.",)


def test_without_an_interval_the_note_is_silent_on_it():
    assert ratio_notes([row("a", 1.0)]) == (
        "Mark: candidate / baseline. Logarithmic axis; smaller is better.",
    )


def test_what_workloads_have_in_common_is_said_once():
    assert split_place([row("a", 1.0), row("b", 2.0)]) == (
        "CPU",
        (row("a", 1.0, place=()), row("b", 2.0, place=())),
    )
    partly = [
        row("a", 1.0, place=("CPU", "batch 1", "float32")),
        row("b", 2.0, place=("CPU", "batch 8", "float32")),
    ]
    assert split_place(partly) == (
        "CPU, float32",
        (row("a", 1.0, place=("batch 1",)), row("b", 2.0, place=("batch 8",))),
    )
    different = [row("a", 1.0), row("b", 2.0, place=("GPU",))]
    assert split_place(different) == ("", tuple(different))
    assert split_place([]) == ("", ())


def test_each_pair_has_a_row_per_workload(make):
    pair = make.comparison(
        make.exact("params", "1", 1, 2), make.latency(), make.latency(workload=make.gpu_training)
    )
    assert [(found.name, found.place) for found in latency_rows([pair])] == [
        ("resnet50: plain -> se", ("CPU inference", "batch 1", "224x224", "float32", "2 threads")),
        ("resnet50: plain -> se", ("cuda training", "batch 256", "224x224", "float32", "1 thread")),
    ]


def test_nothing_known_is_no_picture():
    assert latency_panel([row("a", None)]) is None
    assert latency_panel([]) is None


def test_the_file(golden, make):
    """One row per kind: an interval, none, a ratio below 1, and one that is missing."""
    place, rows = split_place(
        [
            *latency_rows(make.several()),
            *latency_rows([make.comparison(make.latency(ratio=(0.9, 0.85, 0.95)), model="resnet18")]),
            *latency_rows([make.comparison(make.latency(ratio=(1.3, None, None)), model="vgg16_bn")]),
        ]
    )
    picture = Picture("Headline", place or "Example CPU 9000", (latency_panel(rows),))
    golden("ratios.svg", draw(picture, "svg").decode())


# --- changes ----------------------------------------------------------------------------------------------


def test_a_change_is_the_ratio_after_over_the_ratio_before():
    before, after = measured(SPREAD), measured([2 * ratio for ratio in SPREAD], day=1)
    picture = change_picture(changes([before], [after]))
    assert picture.title == "Latency overhead, new results against old"
    (panel,) = picture.panels
    ((point,), ()) = (series.points for series in panel.chart.series)
    assert point.x == pytest.approx(2.0)
    assert point.low < 2.0 < point.high
    assert panel.chart.x.title == "ratio after / ratio before"
    assert panel.notes[0].startswith("Mark: ratio after / ratio before. Bar: its 95 % confidence interval")


def test_nothing_compared_is_a_picture_without_panels():
    assert change_picture(changes([measured(SPREAD)], [])).panels == ()
