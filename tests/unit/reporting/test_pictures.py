"""Profiles as documents and as pictures."""

import json
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from sebench.reporting import draw, profile_document, profile_json, profile_picture, render
from sebench.schema import (
    AblationCheck,
    Interval,
    Machine,
    ModelSpec,
    Pair,
    PartProfile,
    Profile,
    SiteProfile,
    Workload,
)


def part(name, phase="forward", **fields):
    values = {
        "time_s": 2e-3, "bytes": 2**20, "flops": 10**6, "calls": 3, "achieved_bytes_per_s": 5e8,
        "bound_s": 1e-3, "verdict": "bandwidth-bound",
    }  # fmt: skip
    return PartProfile(stage="2", part=name, phase=phase, **{**values, **fields})


def site(path, stage, phase, time_s):
    return SiteProfile(
        site=path, stage=stage, phase=phase, time_s=time_s, params=42, macs=32, flops=10**6, bytes=2**20,
        calls=6, bound_s=1e-3,
    )  # fmt: skip


PROFILE = Profile(
    pair=Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se")),
    workload=Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224), threads=2),
    parts=(
        part("squeeze"),
        part("excite", time_s=1e-3),
        part("scale"),
        part("scale", "backward", time_s=3e-3),
    ),
    sites=(
        site("layer1.se", "2", "forward", 3e-3),
        site("layer2.se", "3", "forward", 2e-3),
        site("layer1.se", "2", "backward", 3e-3),
    ),
    step_s=0.1,
    profiled_step_s=0.103,
    machine=Machine(copy_bytes_per_s=40e9, matmul_flops_per_s=200e9, launch_s=2e-6),
    ablations=(
        AblationCheck(
            part="squeeze",
            profiled_s=2e-3,
            ablated=Interval(estimate=2.1e-3, ci_low=1.9e-3, ci_high=2.4e-3),
            agrees=True,
        ),
    ),
    predicted_difference_s=5e-3,
    measured_difference=Interval(estimate=8e-3, ci_low=7e-3, ci_high=9e-3),
    measured_ratio=Interval(estimate=1.08, ci_low=1.07, ci_high=1.09),
    blocks=12,
)


def test_bars_stand_on_each_other_and_the_roof_bends_where_both_bounds_meet():
    picture = profile_picture([PROFILE])
    assert (picture.title, picture.subtitle) == (
        "Where the time of resnet50 se goes",
        "CPU training, batch 8, 224x224, float32, 2 threads",
    )
    times, by_site, roofline = (panel.chart for panel in picture.panels)
    assert times.stacked
    assert times.x.categories == ("2\nfwd", "2\nbwd")
    assert {series.name: [(p.x, p.y) for p in series.points] for series in times.series} == {
        "squeeze": [(0, 2.0)], "excite": [(0, 1.0)], "scale": [(0, 2.0), (1, 3.0)],
    }  # fmt: skip
    assert by_site.x.categories == ("1", "2")
    assert {series.name: [(p.x, p.y) for p in series.points] for series in by_site.series} == {
        "forward": [(0, 3.0), (1, 2.0)], "backward": [(0, 3.0)],
    }  # fmt: skip
    assert by_site.series[0].points[1].label == "layer2.se (3), forward: 2.000 ms"
    roof = roofline.series[0]
    # 200 GFLOP/s over 40 GB/s: 5 FLOP per byte; at 0.01 FLOP per byte memory allows 0.4 GFLOP/s
    assert [(p.x, pytest.approx(p.y)) for p in roof.points] == [(0.01, 0.4), (5.0, 200.0), (1000.0, 200.0)]
    shown = [series.name for series in roofline.series if series.points]
    assert shown == [
        "measured roof",
        "squeeze, forward",
        "excite, forward",
        "scale, forward",
        "scale, backward",
    ]
    # 1e6 FLOP in 2 ms: 0.5 GFLOP/s, at 1e6 / 2**20 FLOP per byte
    (squeeze,) = roofline.series[1].points
    assert (squeeze.x, squeeze.y) == (pytest.approx(0.95367, abs=1e-5), pytest.approx(0.5))


def test_all_profiles_are_drawn():
    picture = profile_picture([PROFILE, PROFILE])
    assert picture.title == "Where the time of 2 pairs goes"
    assert [panel.title for panel in picture.panels] == [
        "resnet50 se: Time by stage", "resnet50 se: Time by site", "resnet50 se: Roofline",
    ] * 2  # fmt: skip


def test_unknown_bytes_and_bounds_are_dashes_nulls_and_no_point_under_the_roof():
    unknown = part(
        "squeeze", bytes=None, calls=None, achieved_bytes_per_s=None, bound_s=None, verdict=None,
        reason="autocast casts",
    )  # fmt: skip
    profile = replace(PROFILE, parts=(unknown,), predicted_difference_s=None)
    document = profile_document([profile])
    row = dict(zip([c.key for c in document.tables[0].columns], document.tables[0].rows[0], strict=True))
    keys = ("bytes", "calls", "achieved_bytes_per_s", "bound_s", "share", "verdict")
    assert [row[key].text for key in keys] == ["-"] * 6
    assert "autocast casts" in document.notes
    assert "launch cost: unknown; measured +8.00" in render(document, "table", width=None)
    found = json.loads(profile_json([profile]))
    assert (found["predicted_difference_s"], found["reason"]) == (None, "autocast casts")
    assert (found["parts"][0]["bytes"], found["parts"][0]["verdict"]) == (None, None)
    *_, roofline = profile_picture([profile]).panels
    assert [series.name for series in roofline.chart.series if series.points] == ["measured roof"]


def test_the_day_of_the_bounds_is_said():
    machine = replace(PROFILE.machine, measured_at="2026-11-21T07:30:00+00:00")
    text = render(profile_document([replace(PROFILE, machine=machine)]), "markdown")
    assert "2.0 us per operation (bounds measured 2026-11-21)." in text
    assert "2.0 us per operation. A" in render(profile_document([PROFILE]), "markdown")


def test_the_document_answers_first():
    shown = render(profile_document([PROFILE]), "markdown")
    # 2 + 1 + 2 + 3 = 8 ms, of which the scale has 5
    assert "SE in resnet50 on this CPU in training at batch 8: 8.00 ms of a step of 100.0 ms" in shown
    assert "(scale 62 %, squeeze 25 %, excite 12 %)" in shown
    assert "+8.00 [7.00, 9.00] ms more, ratio 1.080 [1.070, 1.090] (95 %, one process)" in shown
    assert "| 2 | scale | backward | 3.000 | 1.00 | 3 | 0.5 | 1.000 | 33 % | bandwidth-bound |" in shown
    assert "| squeeze | 2.00 | 2.10 [1.90, 2.40] | yes |" in shown
    assert "5.00 ms; measured +8.00 [7.00, 9.00] ms" in shown
    assert "A step under the profiler took 1.03 times as long as without it." in shown


def test_sites_are_in_the_order_of_the_network_with_what_they_cost():
    shown = render(profile_document([PROFILE]), "markdown")
    # 3 of 3 + 2 + 3 ms
    assert "| layer1.se | 2 | forward | 3.000 | 37.50 % | 42 | 32 | 1.00 | 6 | 1.000 |" in shown
    found = json.loads(profile_json([PROFILE]))["sites"]
    assert [(row["site"], row["phase"]) for row in found] == [
        ("layer1.se", "forward"), ("layer2.se", "forward"), ("layer1.se", "backward"),
    ]  # fmt: skip
    assert (found[0]["params"], found[0]["macs"], found[0]["bytes"]) == (42, 32, 2**20)
    inference = replace(PROFILE, workload=replace(PROFILE.workload, phase="inference"))
    assert "| layer1.se | 2 | 3.000 |" in render(profile_document([inference]), "markdown")


def test_of_an_authors_attention_it_is_said_how_its_parts_are_told_apart():
    spec = ModelSpec(model="nets.py:net", variant="asis")
    profile = replace(PROFILE, pair=replace(PROFILE.pair, candidate=spec), ablations=())
    document = profile_document([profile])
    assert [table.title for table in document.tables] == ["By stage", "By site"]
    shown = render(document, "markdown")
    assert shown.startswith("# nets.py:net: where the time of its own attention goes\n")
    assert "Own attention in nets.py:net on this CPU in training at batch 8: 8.00 ms" in shown
    assert "parts of an author's attention are told apart by data flow" in shown
    assert "left out: the whole network against itself" not in shown


def test_several_profiles_are_listed():
    assert '"profiles": [' in profile_json([PROFILE, PROFILE])
    assert '"kind": "profile"' in profile_json([PROFILE])
    assert render(profile_document([PROFILE, PROFILE]), "markdown").startswith("# Profiles of 2 pairs")


def test_a_name_is_neither_a_formula_nor_a_control_code():
    spec = ModelSpec(model="nets.py:a$_b$^\x1b[31m", variant="plain")
    profile = replace(PROFILE, pair=replace(PROFILE.pair, candidate=spec))
    text = " ".join(ElementTree.fromstring(draw(profile_picture([profile]), "svg")).itertext())  # noqa: S314
    assert r"nets.py:a$_b$^\x1b[31m plain" in text
