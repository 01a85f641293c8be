"""Pictures of a sweep: what is drawn, where, and what is left out."""

import re
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from sebench.analysis.sweep import sweep_rows
from sebench.reporting.drawing import draw, picture_svg
from sebench.reporting.sweep import sweep_figures
from sebench.reporting.sweep_pictures import MAX_COLORS, MAX_PANELS, sweep_picture, sweep_pictures
from tests import samples
from tests.sweeps import LARGE, Making, forty, small

SVG = "{http://www.w3.org/2000/svg}"


def two():
    made = Making("two")
    made.done(1.2, batch_size=1)
    made.done(1.1, batch_size=8)
    return made


def marks(panel):
    return [
        (series.name, point)
        for series in panel.chart.series
        if series.mark in ("dot", "diamond")
        for point in series.points
    ]


@pytest.mark.parametrize("axis", ["batch_size", "model", "threads"])
def test_a_picture_is_as_it_was(golden, axis):
    golden(f"sweep-{axis}.svg", picture_svg(sweep_pictures("small", small().rows)[axis]).decode())


def test_there_is_one_per_axis_along_which_anything_can_be_compared():
    pictures = sweep_pictures("small", small().rows)
    # Nothing was measured with another phase or runtime.
    assert list(pictures) == ["model", "batch_size", "threads"]
    assert [len(picture.panels) for picture in pictures.values()] == [1, 2, 2]
    assert sweep_pictures("one", Making().rows) == {}


def test_two_cases_are_two_marks_with_their_intervals():
    (picture,) = sweep_pictures("two", two().rows).values()
    (panel,) = picture.panels
    first, second = (point for _, point in marks(panel))
    ratios = [row.ratio for row in two().rows]
    assert [(point.y, point.low, point.high) for point in (first, second)] == [
        (ratio.estimate, ratio.ci_low, ratio.ci_high) for ratio in ratios
    ]
    assert (first.x, second.x) == (1.0, 8.0)
    assert picture.subtitle == (
        "resnet50, se against plain, CPU inference, 224x224, float32, 2 threads, Sample CPU"
    )


@pytest.mark.parametrize(("batches", "log"), [((1, 8), False), ((1, 9), True), ((2, 4, 16), False)])
def test_a_wide_number_line_is_logarithmic(batches, log):
    made = Making()
    for batch in batches:
        made.done(1.1, batch_size=batch)
    (picture,) = sweep_pictures("x", made.rows).values()
    axis = picture.panels[0].chart.x
    assert (axis.log, axis.ticks, axis.categories) == (log, tuple(map(float, batches)), ())


def test_the_page_has_the_same_ticks():
    from sebench.reporting.html.page import vega_spec

    (picture,) = sweep_pictures("two", two().rows).values()
    spec = vega_spec(picture.panels[0].chart, "")
    axes = [
        layer["encoding"]["x"]["axis"] for layer in spec["layer"] if "axis" in layer["encoding"].get("x", {})
    ]
    assert axes
    assert all(axis["values"] == [1.0, 8.0] for axis in axes)


def test_names_are_categories_in_their_order():
    made = Making()
    for variant in ("se", "eca"):
        made.done(1.1, variant=variant)
    (picture,) = sweep_pictures("x", made.rows).values()
    axis = picture.panels[0].chart.x
    assert (axis.categories, axis.ticks) == (("se", "eca"), ())


def test_a_value_that_only_failed_has_no_place_on_the_axis():
    made = two()
    made.failed(batch_size=64)
    (picture,) = sweep_pictures("x", made.rows).values()
    assert picture.panels[0].chart.x.ticks == (1.0, 8.0)


def test_networks_are_panels_on_one_scale_and_variants_are_colours():
    picture = sweep_pictures("forty", forty().rows)["batch_size"]
    assert [panel.title for panel in picture.panels] == ["resnet50", "mobilenet_v1"]
    assert len({panel.chart.y.limits for panel in picture.panels}) == 1
    for panel in picture.panels:
        colors = {series.name: series.color for series in panel.chart.series}
        assert colors == {"se": 0, "eca": 1, "se(r=8,stages=2-4)": 2, "cbam": 3, "ge": 4}


def test_networks_of_one_line_each_share_a_panel():
    made = Making()
    for model in ("resnet50", "mobilenet_v1", "alexnet"):
        for batch in (1, 8):
            made.done(1.1, model=model, batch_size=batch)
    (panel,) = sweep_pictures("x", made.rows)["batch_size"].panels
    assert (panel.title, list(dict.fromkeys(name for name, _ in marks(panel)))) == (
        "", ["resnet50", "mobilenet_v1", "alexnet"],
    )  # fmt: skip


def test_marks_of_one_value_stand_side_by_side():
    picture = sweep_pictures("forty", forty().rows)["batch_size"]
    at_one = [point.x for _, point in marks(picture.panels[0])][::4]
    assert at_one == sorted(at_one)
    assert len(set(at_one)) == 5
    # Closest to the value is the middle one; the whole group is nearer to 1 than to 4.
    assert at_one[2] == 1.0
    assert at_one[-1] < 2


def test_many_combinations_become_panels():
    made = Making()
    for batch in (1, 8):
        for threads in (1, 2, 4, 8):
            for layout in ("contiguous", "channels_last"):
                made.done(1.1, batch_size=batch, threads=threads, memory_format=layout)
    picture = sweep_pictures("x", made.rows)["batch_size"]
    assert len(picture.panels) == 8  # 4 threads x 2 layouts
    assert picture.panels[0].title == "contiguous, threads 1"
    assert {name for panel in picture.panels for name, _ in marks(panel)} == {"se"}


def test_what_there_is_no_room_for_is_said():
    made = Making()
    for batch in (1, 8):
        for threads in range(1, MAX_PANELS + 3):
            made.done(1.1, batch_size=batch, threads=threads)
    picture = sweep_pictures("x", made.rows)["batch_size"]
    assert len(picture.panels) == MAX_PANELS
    assert picture.notes[-1] == (
        "Left out for want of room, but not of the table: 2 of 14 lines against batch: threads 13, se; "
        "threads 14, se."
    )


def test_more_variants_than_colours_are_left_out_by_name():
    made = Making()
    for batch in (1, 8):
        for r in range(2, 2 + MAX_COLORS + 4):
            made.done(1.1, batch_size=batch, variant=f"se(r={r})")
    picture = sweep_pictures("x", made.rows)["batch_size"]
    assert len({series.name for series in picture.panels[0].chart.series}) == MAX_COLORS
    assert picture.notes[-1].endswith("4 of 10 lines against batch: se(r=8); se(r=9); se(r=10) and 1 more.")


def test_what_follows_the_machine_is_said():
    made = Making()
    for environment, threads, host in ((samples.ENVIRONMENT, 2, "a"), (LARGE, 8, "b")):
        workload = replace(samples.WORKLOAD, threads=threads)
        made.done(1.1, workload, environment=environment, host=host)
    (picture,) = sweep_pictures("x", made.rows).values()
    assert picture.notes[-1].endswith("What it leaves open may differ with the machine: threads.")


def test_a_ratio_without_an_interval_is_a_diamond():
    made = two()
    # One process with two blocks: a signed-rank interval needs six.
    one = replace(made.results[0].measurements[0], processes=made.results[0].measurements[0].processes[:1])
    rows = sweep_rows(made.sweep, [replace(made.results[0], measurements=(one,)), made.results[1]])
    (picture,) = sweep_pictures("x", rows).values()
    kinds = {series.mark: series.points for series in picture.panels[0].chart.series}
    assert [len(kinds[mark]) for mark in ("line", "diamond", "dot")] == [2, 1, 1]
    assert kinds["diamond"][0].low is None
    assert "Diamond: a ratio without an interval." in picture.notes


def test_all_pictures_in_one():
    rows = small().rows
    picture = sweep_picture("small", rows)
    assert [panel.title for panel in picture.panels] == [
        "Against network",
        "Against batch, resnet50",
        "Against batch, mobilenet_v1",
        "Against threads, resnet50",
        "Against threads, mobilenet_v1",
    ]
    assert len(picture.notes) == len(set(picture.notes))


def test_nothing_to_draw_is_refused_as_everywhere():
    from sebench.errors import UnavailableError

    with pytest.raises(UnavailableError, match="no figure is known"):
        draw(sweep_picture("x", Making().rows), "svg")


def test_figures_have_keys_of_their_own():
    figures = sweep_figures("small", small().rows)
    keys = [figure.key for figure in figures]
    assert keys[0] == "sweep-small-model-1"
    assert len(keys) == len(set(keys)) == 5
    assert all(re.fullmatch(r"[a-zA-Z0-9-]+", key) for key in keys)
    (odd,) = {figure.key for figure in sweep_figures("my.sweep+2", two().rows)}
    assert odd == "sweep-my-sweep-2-batch-size-1"


# --- on paper ---------------------------------------------------------------------------------------------


def panels_of(svg):
    """Groups of a drawing by how far they are moved to the right, with their elements."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - just drawn
    (moved,) = root.findall(f"{SVG}g")
    yield 0.0, [child for child in moved if child.tag != f"{SVG}g" or "rotate" in child.get("transform", "")]
    for group in moved.findall(f"{SVG}g"):
        if found := re.match(r"translate\(([\d.]+) 0\)", group.get("transform", "")):
            yield float(found[1]), list(group)


def frames(elements):
    """Left, top, base, right of each plot area, from the path of its axes."""
    for element in elements:
        if found := re.fullmatch(r"M([\d.]+) ([\d.]+)V([\d.]+)H([\d.]+)", element.get("d", "")):
            yield tuple(map(float, found.groups()))


@pytest.mark.parametrize("made", [two, small, forty])
def test_every_mark_lies_within_its_frame_and_intervals_are_whole(made):
    rows = made().rows
    for picture in sweep_pictures("x", rows).values():
        drawn = 0
        for _, elements in panels_of(picture_svg(picture)):
            places = list(frames(elements))
            for element in elements:
                if element.tag != f"{SVG}circle" or element.find(f"{SVG}title") is None:
                    continue
                x, y, r = (float(element.get(name)) for name in ("cx", "cy", "r"))
                inside = [
                    f for f in places if f[0] <= x - r and x + r <= f[3] and f[1] <= y - r <= y + r <= f[2]
                ]
                assert len(inside) == 1, element.attrib
                drawn += 1
        wanted = sum(len(marks(panel)) for panel in picture.panels)
        assert drawn == wanted


def test_an_interval_is_drawn_as_long_as_it_is():
    (picture,) = sweep_pictures("two", two().rows).values()
    (panel,) = picture.panels
    ((_, elements),) = panels_of(picture_svg(picture))
    ((_, top, base, _),) = frames(elements)
    low, high = panel.chart.y.limits
    bars = [e for e in elements if (e.get("d") or "").count("M") == 3 and e.get("stroke-width") == "1.5"]
    assert len(bars) == 2

    def place(value):
        from math import log

        return base - (base - top) * (log(value) - log(low)) / (log(high) - log(low))

    for bar, (_, point) in zip(bars, marks(panel), strict=True):
        ends = re.match(r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", bar.get("d"))
        assert float(ends[2]) == pytest.approx(place(point.low), abs=0.02)
        assert float(ends[4]) == pytest.approx(place(point.high), abs=0.02)


def test_no_text_leaves_the_picture():
    for picture in sweep_pictures("forty", forty().rows).values():
        svg = picture_svg(picture)
        width = float(ElementTree.fromstring(svg).get("width"))  # noqa: S314 - just drawn
        for moved, elements in panels_of(svg):
            for element in elements:
                if element.tag == f"{SVG}text" and "transform" not in element.attrib:
                    assert 0 <= moved + float(element.get("x")) <= width - 20


def test_ticks_that_would_touch_are_left_out():
    made = Making()
    for batch in (1, 2, 3, 128):
        made.done(1.1, batch_size=batch, threads=1)
        made.done(1.1, batch_size=batch, threads=2)
    made.done(1.1, batch_size=1, threads=100)
    picture = sweep_pictures("x", made.rows)["threads"]
    svg = picture_svg(picture).decode()
    assert ">100<" in svg
    assert picture.panels[0].chart.x.log
