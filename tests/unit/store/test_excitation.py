"""What `sebench excite` has written is read as it was, or refused in one line."""

import json

import numpy as np
import pytest

from sebench.analysis.excitation import excitation_found
from sebench.errors import DataFileError
from sebench.reporting.excitation import excitation_document, excitation_json, excitation_records
from sebench.reporting.excitation_picture import excitation_picture
from sebench.reporting.formats import render
from sebench.schema import (
    Finding,
    Interval,
    MetricComparison,
    ModelSpec,
    Quantity,
    Ratio,
    UnreadableImage,
)
from sebench.statistics.moments import RunningMoments
from sebench.store import read_excitation
from tests.excitations import FOLDED, GATE, excitation, found, moments, replaced

SAVING = MetricComparison(
    metric="latency",
    unit="s",
    exact=False,
    baseline=Quantity(value=0.05, n=5),
    candidate=Quantity(value=0.04, n=5),
    difference=Interval(estimate=-0.01),
    ratio=Ratio(estimate=0.8, ci_low=0.79, ci_high=0.81, method="t", scope="process", processes=5, blocks=15),
    grade="B",
)


def everything():
    """Two gates, many classes of which one has no images, and all that a document may say."""
    wide = replaced(GATE, path="stage3.0.attention", channels=80, maker=None, norms=(), fold_into=None)
    tanh = replaced(GATE, path="stage4.0.attention", gate="tanh", only_positive=True)
    random = np.random.default_rng(0)
    labels = [*range(7), *random.integers(0, 7, 40).tolist()]
    running = [RunningMoments(8, channels) for channels in (3, 80, 3)]
    for each, channels in zip(running, (3, 80, 3), strict=True):
        each.add(random.normal(0.0, 0.003, (47, channels)) + np.linspace(-0.5, 0.5, channels), labels)
    return found(
        excitation=excitation(
            spec=ModelSpec(model="timm:net", variant="asis", model_args=("depth=3",), num_classes=10),
            classes=tuple(f"class {number}" for number in range(8)),
            gates=(GATE, replaced(wide, no_fold="silu follows"), tanh),
            images=50,
            seen=47,
            unreadable=2,
            named_unreadable=(UnreadableImage(path="cat/bad.png", reason="no image"),),
            other_files={"no image": 3},
            interrupted=True,
            adding=("block.gc",),
            constant_below=0.02,
            seed=7,
        ),
        moments=tuple(each.moments for each in running),
        folded=FOLDED,
        saving=SAVING,
        findings=(Finding(code="checkpoint", severity="warning", message="of float16"),),
    )


CASES = {
    "plain": found,
    "everything": everything,
    "one class": lambda: found(moments=(moments(labels=(1, 1, 1)),)),
    "constant": lambda: found(moments=(moments(((0.1, 0.5, 0.9),) * 3),), not_folded="no gate goes"),
    "not measured": lambda: found(folded=FOLDED, not_measured="no step could be timed"),
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "gates.json"


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_shows_the_same(file, case):
    written = CASES[case]()
    file.write_text(excitation_json(written))
    read = excitation_found(read_excitation(file))
    for format_ in ("table", "markdown", "latex"):
        assert render(excitation_document(read), format_) == render(excitation_document(written), format_)
    table, expected = (excitation_document(each).tables[0] for each in (read, written))
    for row, other in zip(table.rows, expected.rows, strict=True):
        for cell, like in zip(row, other, strict=True):
            assert (cell.text, cell.detail) == (like.text, like.detail)
            assert cell.value == alike(like.value)
    assert words(excitation_picture(read)) == words(excitation_picture(written))
    rows = zip(excitation_records(read).rows, excitation_records(written).rows, strict=True)
    assert all(list(row) == list(map(alike, other)) for row, other in rows)


def alike(value):
    """Squares are made of deviations again, and so are off by some units in the last place."""
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


def words(picture):
    """All that a picture says, every mark included."""
    series = [each for panel in picture.panels for each in panel.chart.series]
    return (
        (picture.title, picture.subtitle, picture.notes),
        [(panel.title, panel.chart.x, panel.chart.y) for panel in picture.panels],
        [(each.name, each.mark, each.color, [point.label for point in each.points]) for each in series],
    )


def test_what_follows_from_no_moments_is_kept(file):
    written = everything()
    file.write_text(excitation_json(written))
    read = excitation_found(read_excitation(file))
    assert [gate.no_fold for gate in read.gates] == ["", "silu follows", "some of its values are negative"]
    assert (read.saving, read.folded, read.findings) == (SAVING, FOLDED, written.findings)
    assert read.excitation.spec == written.excitation.spec
    assert read.class_counts == written.class_counts
    assert read.class_counts[7] == 0


@pytest.mark.parametrize("content", [b"", b"{", b"no json", b"[]", b'{"schema": "sebench/1"}', b"\xff"])
def test_other_files_are_none(file, content):
    file.write_bytes(content)
    assert read_excitation(file) is None


def test_what_is_no_file_is_none(tmp_path):
    assert read_excitation(tmp_path) is None
    assert read_excitation(tmp_path / "nowhere.json") is None


def changed(path, value):
    """The document with another value at one place."""
    document = json.loads(excitation_json(found()))
    *places, last = path
    place = document
    for each in places:
        place = place[each]
    place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("schema",), "sebench/2", "has schema 'sebench/2', this version reads 'sebench/1'; upgrade sebench"),
        (("gates",), [], "Expected `array` of length >= 1 - at `$.gates`"),
        (("spec",), None, "Expected `object`, got `null` - at `$.spec`"),
        (("workload", "input_shape"), [2], "it is no shape of images - at `$.workload.input_shape`"),
        (("images", "seen"), 0, "no image was seen - at `$.images.seen`"),
        (("images", "seen"), 4, "its images are not as many as were seen - at `$.gates[0].classes`"),
        (("gates", 0, "channels"), 0, "at `$.gates[0].channels`"),
        (("gates", 0, "norms"), [1.0], "there is not one for each of 3 channels - at `$.gates[0].norms`"),
        (("gates", 0, "classes", 1, "mean"), [0.5], "3 channels - at `$.gates[0].classes[1].mean`"),
        (("gates", 0, "classes", 1, "std"), None, "3 channels - at `$.gates[0].classes[1].std`"),
        (("gates", 0, "classes", 2, "std"), [], "n is 0 - at `$.gates[0].classes[2].std`"),
        (("gates", 0, "classes", 1, "std"), [0.0, -1.0, 0.0], "Expected `float` >= 0.0"),
        (("gates", 0, "classes", 1, "mean"), [0.0, 1e300, 0.0], "Expected `float` <= 1e+40"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(file, path, value, said):
    file.write_text(changed(path, value))
    with pytest.raises(DataFileError) as caught:
        read_excitation(file)
    assert str(caught.value).startswith(f"{file} ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_gates_of_other_classes_are_refused(file):
    document = json.loads(excitation_json(found()))
    other = json.loads(json.dumps(document["gates"][0]))
    other["classes"][0]["class"] = "cow"
    document["gates"].append(other)
    file.write_text(json.dumps(document))
    with pytest.raises(DataFileError, match="its classes are not those of the first gate"):
        read_excitation(file)


def test_a_file_that_ends_early_is_damaged(file):
    file.write_text(excitation_json(found())[:900])
    with pytest.raises(DataFileError, match="is damaged: Input data was truncated"):
        read_excitation(file)


def test_keys_may_be_in_another_order(file):
    document = json.loads(excitation_json(found()))
    file.write_text(json.dumps(document, sort_keys=True))
    assert read_excitation(file).images.seen == 3
