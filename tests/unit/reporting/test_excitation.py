"""What gates do, concluded by hand and shown: document, JSON, rows and picture."""

import json

import numpy as np
import pytest

from sebench.analysis.excitation import drawn_channels, drawn_classes
from sebench.reporting.drawing import draw
from sebench.reporting.excitation import (
    compare_command,
    excitation_answer,
    excitation_document,
    excitation_json,
    excitation_records,
)
from sebench.reporting.excitation_picture import excitation_picture
from sebench.reporting.formats import render
from sebench.schema import ModelSpec, UnreadableImage
from sebench.statistics.moments import RunningMoments
from tests.excitations import FOLDED, GATE, excitation, found, moments, replaced


def test_a_gate_by_hand():
    (gate,) = found().gates
    # Means over all images: 0.02, 0.5, 0.99; one of three below 0.05, one above 0.95.
    assert gate.mean == pytest.approx((0.02 + 0.5 + 0.99) / 3)
    assert (gate.saturated_low, gate.saturated_high) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    # Squares of the deviations: (0.02^2 + 0 + 0.02^2) / 3 and (0.01^2 + 0.01^2 + 0) / 3
    deviations = np.sqrt([8e-4 / 3, 0, 2e-4 / 3])
    assert gate.deviation == pytest.approx(deviations.mean())
    assert gate.largest_deviation == pytest.approx(deviations.max())
    # Between: channel 0, class means 0.01 (2) and 0.04 (1) around 0.02: 2e-4 + 4e-4; channel 2: both 0.99.
    assert gate.class_share == pytest.approx(6e-4 / (8e-4 + 2e-4))
    # Deviations of the means: -0.4833, -0.0033, 0.4867; of the norms: -1, 0, 1.
    assert gate.correlation == pytest.approx(0.97 / np.sqrt(2 * (0.48333**2 + 0.00333**2 + 0.48667**2)), 1e-4)
    assert not gate.is_constant  # 0.0163
    assert found().chance_share == pytest.approx((2 - 1) / (3 - 1))
    assert found().class_counts == (2, 1, 0)


def test_near_constant_by_the_limit_that_is_said():
    still = found(excitation=excitation(constant_below=0.0164))
    assert still.gates[0].is_foldable
    assert found(excitation=excitation(constant_below=0.0163)).gates[0].is_foldable is False
    (gate,) = found(
        excitation=excitation(constant_below=1.0, gates=(replaced(GATE, no_fold="silu follows"),))
    ).gates
    assert (gate.is_constant, gate.is_foldable, gate.no_fold) == (True, False, "silu follows")


def test_negative_values_do_not_pass_a_relu():
    gate = replaced(GATE, gate="tanh", only_positive=True)
    rows = ((-0.1, 0.5, 0.9),) * 3
    (told,) = found(excitation=excitation(gates=(gate,)), moments=(moments(rows),)).gates
    assert told.is_constant
    assert told.no_fold == "some of its values are negative"
    assert told.saturated_low is None  # a tanh is no share
    assert told.class_share is None
    assert told.no_class_share == "values differ by no more than rounding"


def test_one_class_has_no_class_share():
    alone = found(moments=(moments(labels=(1, 1, 1)),))
    (gate,) = alone.gates
    assert (gate.class_share, gate.no_class_share) == (None, "one class")
    assert alone.chance_share is None
    assert "class share is not known: all images seen are of one class." in excitation_document(alone).notes
    assert json.loads(excitation_json(alone))["gates"][0]["class_share_reason"] == "one class"


def test_what_a_gate_that_does_nothing_says():
    still = found(excitation=excitation(constant_below=1.0), moments=(moments(((0.1, 0.5, 0.9),) * 3),))
    document = excitation_document(still)
    assert [cell.text for cell in document.tables[0].rows[0]][-3:] == [
        "-", "+1.00", "does nothing, folds into stage2.0.conv3.bn"
    ]  # fmt: skip
    assert "class share -: the gate's values differ by no more than rounding." in document.notes
    text = " ".join(render(document, "table", width=80).split())
    assert "does nothing, folds into stage2.0.conv3.bn" in text
    assert "near-constant, and so does nothing: no channel's SD reaches 1." in text
    assert not any(note.startswith("class share -") for note in excitation_document(found()).notes)


def test_the_json_is_as_agreed():
    told = json.loads(excitation_json(found()))
    assert (told["schema"], told["kind"]) == ("sebench/1", "excitation")
    (gate,) = told["gates"]
    assert gate["path"] == "stage2.0.attention"
    assert gate["stage"] == "stride 4"
    assert [each["class"] for each in gate["classes"]] == ["cat", "dog", "none"]
    assert [each["n"] for each in gate["classes"]] == [2, 1, 0]
    assert gate["classes"][0]["mean"] == pytest.approx([0.01, 0.5, 0.99])
    assert gate["classes"][0]["std"] == pytest.approx([0.01, 0, 0.01])
    assert gate["classes"][2] == {"class": "none", "n": 0, "mean": None, "std": None}
    assert gate["all"]["mean"] == pytest.approx([0.02, 0.5, 0.99])
    assert gate["saturated_low"] == pytest.approx(1 / 3)
    assert gate["class_share"] == pytest.approx(0.6)
    assert (told["folded"], told["reason"], told["findings"]) == (None, None, [])


def test_the_rows_have_every_channel():
    records = excitation_records(found())
    assert records.keys == ("gate", "class", "channel", "mean", "std", "n")
    assert len(records.rows) == 3 * 3  # cat, dog and all
    assert records.rows[3] == ("stage2.0.attention", "dog", 0, pytest.approx(0.04), 0.0, 1)
    assert records.rows[-1] == (
        "stage2.0.attention", "(all)", 2, pytest.approx(0.99), pytest.approx(np.sqrt(2e-4 / 3)), 3
    )  # fmt: skip
    assert render(excitation_document(found()), "csv").splitlines()[0] == "gate,class,channel,mean,std,n"


def test_the_document_says_what_folding_did():
    text = render(excitation_document(found(folded=FOLDED, not_measured="no step could be timed")), "table")
    flat = " ".join(text.split())
    assert (
        "outputs differ by at most 0.013 and by 0.001 RMS, relative to the largest output (3 images)" in flat
    )
    assert "top-1 changed in 1 of 3" in flat
    assert "The saving was not measured: no step could be timed." in flat
    assert compare_command(FOLDED, excitation()) == (
        "sebench compare -m resnet50 -v 'se(without=stage2.0.attention)' --baseline se --weights folded.pt"
        " --image-size 224"
    )
    nothing = render(excitation_document(found(not_folded="no gate is near-constant")), "table")
    assert "Nothing was folded: no gate is near-constant" in nothing


def test_the_document_says_what_was_left_out():
    bad = UnreadableImage(path="cat/bad.png", reason="cannot identify image file")
    early = excitation(
        images=9,
        seen=3,
        unreadable=1,
        named_unreadable=(bad,),
        interrupted=True,
        adding=("block.gc",),
        spec=ModelSpec(model="resnet50", variant="se"),
    )
    assert excitation_answer(found(excitation=early)).startswith(
        "Interrupted after 3 images of 9: 0 of 1 gate"
    )
    notes = " ".join(excitation_document(found(excitation=early)).notes)
    assert "1 image (cat/bad.png: cannot identify image file)" in notes
    assert "The weights are random" in notes
    assert "block.gc" in notes
    assert "The weights are random" not in " ".join(excitation_document(found()).notes)


def test_the_picture_draws_fifty_channels_once_and_for_all():
    wide = replaced(GATE, channels=400, norms=())
    channels = drawn_channels(excitation(), wide)
    assert len(set(channels)) == 50
    assert channels == tuple(sorted(channels))
    assert channels == drawn_channels(excitation(), wide)
    assert channels != drawn_channels(excitation(seed=2), wide)
    assert drawn_channels(excitation(), GATE) == (0, 1, 2)
    picture = excitation_picture(found())
    gate, depth = picture.panels
    assert [series.name for series in gate.chart.series] == ["cat", "dog", "all"]
    assert [point.y for point in gate.chart.series[-1].points] == pytest.approx([0.02, 0.5, 0.99])
    assert [series.name for series in depth.chart.series] == ["class share", "near 0", "near 1"]
    assert draw(picture, "svg").startswith(b"<svg") or b"<svg" in draw(picture, "svg")


def test_of_many_classes_some_are_drawn():
    running = RunningMoments(12, 3)
    running.add(np.random.default_rng(0).random((12, 3)), range(12))
    many = found(
        excitation=excitation(classes=tuple(f"c{number}" for number in range(12))), moments=(running.moments,)
    )
    drawn = drawn_classes(many, 5)
    assert len(set(drawn)) == 5
    assert drawn == drawn_classes(many, 5)
    assert "5 of 12 classes are drawn." in excitation_picture(many).notes[0]
