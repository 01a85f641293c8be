"""Trends as text, JSON and pictures."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from sebench.analysis.series import select_series
from sebench.analysis.trend import trend
from sebench.reporting import draw, render, trend_document, trend_json, trend_picture
from tests import samples
from tests.history import commit, measured, noisy_history

LEVELS = [1.05] * 4 + [1.12] * 4


def stepped(metric="latency"):
    """A step at the fifth of eight commits, beside a result from another machine."""
    moved = replace(samples.ENVIRONMENT, cpu={"model": "Other"}, git={"commit": "e" * 40})
    history = noisy_history(LEVELS, noise=0.01, seed=2)
    return trend(select_series([*history, measured([2.0, 2.1], day=2, environment=moved)], metric))


def counted():
    results = [
        measured(
            [1.0, 1.1], commit=commit(day + 1), day=day, candidate_cost=samples.cost(110 + 11 * (day > 1), 1)
        )
        for day in range(3)
    ]
    return trend(select_series(results, "params"))


@pytest.mark.parametrize(("format_", "extension"), [("table", "txt"), ("markdown", "md"), ("latex", "tex")])
def test_whole_documents(golden, format_, extension):
    golden(f"trend.{extension}", render(trend_document(stepped()), format_, width=100))


def test_exact_documents(golden):
    golden("trend-params.txt", render(trend_document(counted()), "table", width=100))


def test_the_contract():
    document = json.loads(trend_json(stepped()))
    assert set(document) == {
        "schema", "kind", "model", "baseline", "candidate", "metric", "unit", "exact", "pair", "workload",
        "fingerprint", "points", "change_points", "noise", "penalty", "reason", "left_out", "findings",
    }  # fmt: skip
    assert set(document["points"][0]) == {
        "label", "commit", "dirty", "measured_at", "results", "ratio", "standard_error", "baseline",
        "candidate", "grade",
    }  # fmt: skip
    assert set(document["change_points"][0]) == {
        "index", "before", "after", "level_before", "level_after", "points_before", "points_after", "change",
        "verdict",
    }  # fmt: skip
    assert (document["schema"], document["kind"], document["metric"]) == ("sebench/1", "trend", "latency")
    (change,) = document["change_points"]
    assert (change["index"], change["verdict"]) == (4, "slower")
    assert document["points"][4]["label"] == change["after"]
    assert document["left_out"] == [{"reason": "another fingerprint", "results": 1}]


def test_csv_has_the_raw_values():
    rows = list(csv.DictReader(io.StringIO(render(trend_document(stepped()), "csv"))))
    assert len([row for row in rows if row["measured_at"]]) == 8
    change = next(row for row in rows if row["table"] == "Change points")
    assert float(change["change_ci_low"]) < 1.12 / 1.05 < float(change["change_ci_high"])


def test_no_change_point_and_too_few_commits_are_said():
    quiet = trend(select_series(noisy_history([1.05] * 8, noise=0.01, seed=3), "latency"))
    text = render(trend_document(quiet), "markdown")
    assert (
        "**No change point in 8 commits: latency overhead of resnet50 with SE against plain, now 1.0" in text
    )
    single = trend(select_series([measured([1.0, 1.1])], "latency"))
    assert "**No change points were sought, one commit only: latency overhead of resnet50" in render(
        trend_document(single), "markdown"
    )


def test_the_picture_has_every_commit_the_levels_and_the_change_point():
    found = stepped()
    picture = trend_picture(found)
    assert picture.title == "resnet50: plain -> se, latency"
    (panel,) = picture.panels
    points, *levels = panel.chart.series
    assert panel.chart.x.categories == tuple(point.label for point in found.points)
    assert [point.x for point in points.points] == list(range(8))
    assert all(point.low < point.y < point.high for point in points.points)
    # The fifth of eight commits begins the second level: 0 to 3, and 4 to 7.
    ends = [tuple(point.x for point in level.points) for level in levels]
    assert ends == [(-0.4, 3.4), (3.6, 7.4)]
    assert [(level.at, level.on) for level in panel.chart.levels] == [(3.5, "x")]
    assert panel.notes == (
        "Bar: 95 % confidence interval of the ratio, over the processes of a commit's results.",
    )


def test_exact_figures_have_no_intervals():
    (panel,) = trend_picture(counted()).panels
    assert {(point.low, point.high) for point in panel.chart.series[0].points} == {(None, None)}
    assert panel.notes == ("Exact figures: there are no intervals.",)


def test_one_commit_is_one_mark():
    (panel,) = trend_picture(trend(select_series([measured([1.05])], "latency"))).panels
    (series,) = panel.chart.series
    assert [(point.x, point.low) for point in series.points] == [(0, None)]


def test_a_long_history_labels_some_commits_only():
    found = trend(select_series(noisy_history([1.05] * 70, noise=0.01, seed=1, processes=2), "latency"))
    drawn = ElementTree.fromstring(draw(trend_picture(found), "svg"))  # noqa: S314 - our own
    texts = {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert sum(point.label in texts for point in found.points) == 35
