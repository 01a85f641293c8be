"""The table of `sebench tune`, and its answer."""

import json

import pytest
from msgspec.structs import replace

from sebench.reporting.text import render_text
from sebench.reporting.tuning import tuning_answer, tuning_document, tuning_json
from sebench.schema import Interval, MetricComparison, ModelSpec, Quantity, Ratio, Tuning, Workload
from sebench.schema.tuning import Candidate

WORKLOAD = Workload(input_shape=(1, 3, 224, 224), runtime="onnxruntime", threads=2)


def latency(estimate, half_width):
    limits = {"ci_low": estimate - half_width, "ci_high": estimate + half_width}
    return MetricComparison(
        metric="latency",
        unit="s",
        exact=False,
        workload=WORKLOAD,
        baseline=Quantity(value=0.05),
        candidate=Quantity(value=0.05 * estimate),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=estimate, method="t", processes=6, blocks=24, **limits),
        grade="A",
    )


def tuning(*ratios, confirmed=None):
    forms = ("pooled", "folded", "blocked")
    found = [
        Candidate(variant=f"se(form={form})", latency=latency(*ratio))
        for form, ratio in zip(forms, ratios, strict=False)
    ]
    plain = Candidate(variant="plain", latency=latency(0.9, 0.01), is_spelling=False)
    lacking = Candidate(variant="se(form=clip)", reason="form clip fits none of the 16 gates of ResNet")
    return Tuning(
        spec=ModelSpec(model="resnet50", variant="se"),
        workload=WORKLOAD,
        candidates=(plain, *found, lacking),
        confirmed=confirmed and replace(found[confirmed[0]], latency=latency(*confirmed[1])),
    )


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (
            tuning((0.98, 0.01), (0.92, 0.01), confirmed=(1, (0.93, 0.01))),
            "se(form=folded), the fastest of 2: ratio 0.930 [0.920, 0.940], measured again in fresh"
            " processes",
        ),
        (tuning((0.95, 0.01)), "se(form=pooled): ratio 0.950 [0.940, 0.960]"),
        # The second measurement counts, not the lucky first one.
        (
            tuning((0.98, 0.01), (0.97, 0.01), confirmed=(1, (0.995, 0.01))),
            "se(form=folded), the fastest of 2: ratio 0.995 [0.985, 1.005], measured again in fresh"
            " processes; 1 lies inside its interval, so it is not shown to be faster",
        ),
        # The plain network is none of its spellings.
        (tuning((1.01, 0.005)), "No form is faster than se as written in onnxruntime"),
    ],
)
def test_answer(found, answer):
    assert tuning_answer(found) == answer


def test_a_second_measurement_that_failed_or_has_no_interval_is_said():
    found = tuning((0.98, 0.01), (0.97, 0.01), confirmed=(1, (0.995, 0.01)))
    again = found.confirmed
    ratio = replace(again.latency.ratio, ci_low=None, ci_high=None)
    bare = replace(found, confirmed=replace(again, latency=replace(again.latency, ratio=ratio)))
    assert tuning_answer(bare) == (
        "se(form=folded), the fastest of 2: ratio 0.995 (no interval), measured again in fresh processes;"
        " without an interval it is not shown to be faster"
    )
    failed = replace(found, confirmed=replace(again, latency=None, reason="a worker died"))
    assert tuning_answer(failed).startswith("se(form=folded), the fastest of 2: ratio 0.970 [0.960, 0.980]")
    assert "again" not in tuning_answer(failed)


def test_table():
    text = render_text(
        tuning_document(tuning((0.98, 0.01), (0.92, 0.01), confirmed=(1, (0.93, 0.01)))), width=120
    )
    assert "onnxruntime, 1x3x224x224, float32, 2 threads" in text
    assert "46.00 ms" in text  # 0.92 x 50 ms
    assert "without attention: how far a form could get" in text
    assert "form clip fits none of the 16 gates of ResNet" in text
    assert text.count("se(form=folded)") == 3  # the answer, its row, and its row again


def test_records():
    content = json.loads(tuning_json(tuning((0.98, 0.01), (0.92, 0.01))))
    assert (content["kind"], content["fastest"], content["faster"]) == ("tuning", "se(form=folded)", True)
    *_, lacking = content["candidates"]
    assert lacking == {
        "variant": "se(form=clip)",
        "latency": None,
        "ratio": None,
        "grade": None,
        "reason": "form clip fits none of the 16 gates of ResNet",
        "spelling": True,
        "rewritten": {},
    }
    assert content["mode"] == "forms"


@pytest.mark.parametrize(("number", "said"), [(16, "(16 gates)"), (1, "(1 gate)")])
def test_a_row_says_how_many_gates_a_form_rewrote(number, said):
    found = tuning((0.98, 0.01))
    plain, pooled, _ = found.candidates
    pooled = replace(pooled, rewritten={"pooled": number})
    text = render_text(tuning_document(replace(found, candidates=(plain, pooled))), width=160)
    assert f"the first layer is composed with it {said}" in text
