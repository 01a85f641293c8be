"""Which forms go with which workloads, and the variants that tuning tries."""

import pytest

from sebench.errors import UsageError
from sebench.runner.planning.forms import candidate_forms, in_form
from sebench.runner.planning.plan import make_plan
from sebench.schema import ModelSpec, Workload, WorkloadRequest


def workload(**said):
    return Workload(**{"input_shape": (1, 3, 224, 224), "threads": 1, **said})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"runtime": "eager"},
            (("pooled",), ("conv1x1",), ("fused",), ("pooled", "conv1x1"), ("pooled", "fused")),
        ),
        ({"runtime": "freezing"}, (("pooled",), ("conv1x1",), ("pooled", "conv1x1"))),
        # Steps towards folded, which has a squeeze moved forward itself, are not tried with one.
        (
            {"runtime": "onnxruntime"},
            (("pooled",), ("conv1x1",), ("avgpool",), ("expanded",), ("blocked",), ("folded",)),
        ),
        ({"runtime": "eager", "phase": "training"}, (("recomputed",),)),
    ],
)
def test_candidates(said, expected):
    assert candidate_forms(workload(**said)) == expected


def test_forms_for_single_images_are_no_candidates_of_batches():
    names = {
        name for forms in candidate_forms(workload(runtime="onnxruntime", batch_size=2)) for name in forms
    }
    assert names == {"pooled", "conv1x1", "avgpool", "expanded"}


@pytest.mark.parametrize(
    ("variant", "forms", "expected"),
    [
        ("se", ("pooled", "fused"), "se(form=pooled+fused)"),
        ("se(r=8,form=clip)", ("folded",), "se(r=8,form=folded)"),
        ("asis", ("blocked",), "asis(form=blocked)"),
        ("se(form=clip)", (), "se"),
    ],
)
def test_variant_in_other_forms(variant, forms, expected):
    assert in_form(ModelSpec(model="resnet50", variant=variant), forms) == expected


@pytest.mark.parametrize(
    ("variant", "said", "message"),
    [
        ("se(form=blocked)", {}, "form blocked is not for --runtime eager; use --runtime onnxruntime"),
        (
            "se(form=pooled+fused)",
            {"runtime": "openvino"},
            "form fused is not for --runtime openvino; use --runtime eager or cudagraph",
        ),
        ("se(form=pooled)", {"phase": "training"}, "form pooled is not for --phase training"),
        (
            "se(form=folded)",
            {"runtime": "onnxruntime", "batch_size": 2},
            "form folded is for batches of at most 1, not of 2; use --batch-size 1, or another form",
        ),
    ],
)
def test_a_form_that_does_not_go_with_the_workload_is_refused(variant, said, message):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    request = WorkloadRequest(device="cpu", threads=1, **said)
    with pytest.raises(UsageError) as caught:
        make_plan(names=["resnet50"], variants=[variant], workload=request)
    assert message in str(caught.value)


def test_each_side_is_asked_about_its_own_runtime():
    pytest.importorskip("onnxruntime")
    request = WorkloadRequest(device="cpu", threads=1)
    plan = make_plan(
        names=["resnet50"], variants=[], candidate="se(form=blocked)@onnxruntime", workload=request
    )
    assert plan.pairs[0].pair.candidate.variant == "se(form=blocked)"
