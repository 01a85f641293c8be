"""Names of models, variants and networks to pairs."""

import pytest

from sebench.errors import UsageError
from sebench.runner.planning.pairs import make_pairs
from sebench.runner.planning.plan import make_plan
from sebench.schema import ModelSpec, NetworkOptions, Workload, WorkloadRequest

OLD, NEW = "nets.py:old", "nets.py:new"


@pytest.mark.parametrize(
    ("models", "variants", "baseline", "candidate", "titles"),
    [
        (["resnet50"], [], "plain", None, ["resnet50: se against plain"]),
        (
            ["resnet50"],
            ["se", "se(r=8)"],
            "se",
            None,
            ["resnet50: se against se", "resnet50: se(r=8) against se"],
        ),
        (["resnet50"], [], "plain", "se(r=8)", ["resnet50: se(r=8) against plain"]),
        (["resnet50"], [], "se", NEW, ["nets.py:new against resnet50 se"]),
        (
            ["resnet50", "alexnet"],
            [],
            OLD,
            None,
            ["resnet50 se against nets.py:old", "alexnet se against nets.py:old"],
        ),
        (["resnet50"], [], OLD, "plain", ["resnet50 plain against nets.py:old"]),
        ([], [], OLD, NEW, ["nets.py:new against nets.py:old"]),
        ([NEW], [], OLD, None, ["nets.py:new against nets.py:old"]),
        ([NEW], ["plain"], "plain", None, ["nets.py:new: plain against plain"]),
        ([], [], OLD, OLD, ["nets.py:old: asis against asis"]),
        (["resnet50", "resnet50"], ["se", "SE( r = 16 )"], "plain", None, ["resnet50: se against plain"]),
    ],
)
def test_pairs(models, variants, baseline, candidate, titles):
    assert [pair.title for pair in make_pairs(models, variants, baseline, candidate)] == titles


def test_options_are_of_the_models_and_without_any_of_both_networks():
    said = NetworkOptions(num_classes=10, stride_in="3x3")
    (pair,) = make_pairs(["resnet50"], [], "plain", NEW, options=said)
    assert pair.baseline == ModelSpec(model="resnet50", num_classes=10, stride_in="3x3")
    assert pair.candidate == ModelSpec(model=NEW)
    (pair,) = make_pairs([], [], OLD, NEW, options=NetworkOptions(num_classes=10))
    assert pair.baseline == ModelSpec(model=OLD, num_classes=10)
    assert pair.candidate == ModelSpec(model=NEW, num_classes=10)
    with pytest.raises(UsageError, match="no --stride-in"):
        make_pairs([], [], OLD, NEW, options=said)


def test_what_feeds_one_network_feeds_the_other():
    said = NetworkOptions(example_inputs="nets.py:tokens")
    (pair,) = make_pairs(["resnet50"], [], "plain", NEW, options=said)
    assert (pair.baseline.example_inputs, pair.candidate.example_inputs) == ("nets.py:tokens",) * 2


@pytest.mark.parametrize(
    ("models", "variants", "baseline", "candidate", "message"),
    [
        ([], [], "plain", None, "nothing to compare; name at least one --model, or two networks"),
        ([], [], OLD, None, "nothing to compare; --baseline nets.py:old is compared with --candidate"),
        ([], [], "plain", NEW, "nothing to compare; --candidate nets.py:new is compared with --baseline"),
        ([], [], OLD, "se", "nothing to compare; --baseline nets.py:old is compared with --candidate"),
        (["resnet50"], [], OLD, NEW, "--model resnet50: .* are networks already; leave --model out"),
        (["resnet50"], ["se"], "plain", "se", "--variant se and --candidate se both say what to measure"),
        ([], ["se"], OLD, NEW, "--variant se and --candidate nets.py:new both say what to measure"),
        ([NEW], [], "plain", None, "nets.py:new: no variant to compare with plain; name one"),
        (["resnet5"], [], OLD, None, "unknown model 'resnet5'"),
    ],
)
def test_what_cannot_be_meant(models, variants, baseline, candidate, message):
    with pytest.raises(UsageError, match=message):
        make_pairs(models, variants, baseline, candidate)


def test_what_a_network_is_compared_as_is_asked_where_nobody_says():
    (pair,) = make_pairs([NEW], [], usual_candidate=lambda spec: {NEW: "asis"}[spec.model])
    assert pair.title == "nets.py:new: asis against plain"
    assert (pair.baseline.label, pair.candidate.label) == ("nets.py:new plain", "nets.py:new")
    (pair,) = make_pairs([NEW], ["se"], OLD)
    assert pair.title == "nets.py:new se against nets.py:old"


def test_sides_may_have_runtimes_of_their_own():
    (pair,) = make_pairs([], [], "resnet50@eager", "resnet50@openvino")
    assert pair.title == "resnet50 plain@openvino against resnet50 plain@eager"
    assert pair.candidate == ModelSpec(model="resnet50", runtime="openvino")
    (pair,) = make_pairs(["resnet50"], [], "se@onnxruntime", "se@openvino")
    assert (pair.baseline_name, pair.candidate_name) == (
        "resnet50 se@onnxruntime",
        "resnet50 se@openvino",
    )
    (pair,) = make_pairs([], [], f"{OLD}@compile", OLD)
    assert pair.title == "nets.py:old against nets.py:old@compile"
    assert pair.baseline.label == "nets.py:old@compile"
    with pytest.raises(
        UsageError, match="'se@openvno': there is no runtime 'openvno'; did you mean 'openvino'"
    ):
        make_pairs(["resnet50"], [], "plain", "se@openvno")


def test_a_workload_is_run_as_its_network_is():
    workload = Workload(input_shape=(1, 3, 8, 8), runtime="compile")
    own = workload.of(ModelSpec(model="resnet50", runtime="openvino"))
    assert (own.runtime, own.execution) == ("openvino", "openvino")
    assert workload.of(ModelSpec(model="resnet50")) is workload


def test_runtimes_of_sides_are_checked_before_anything_is_built():
    options = {"names": [], "variants": [], "baseline": "resnet50@eager", "candidate": "resnet50@cudagraph"}
    with pytest.raises(UsageError, match="--runtime cudagraph exists on CUDA devices only, not on cpu"):
        make_plan(**options, workload=WorkloadRequest(device="cpu", threads=1))
    options["candidate"] = "resnet50@openvino"
    with pytest.raises(UsageError, match="--runtime openvino cannot convert a step of --phase training"):
        make_plan(**options, workload=WorkloadRequest(device="cpu", threads=1, phase="training"))


def test_two_networks_share_the_input_of_the_native_one():
    def shape(names, baseline, candidate=None, **options):
        plan = make_plan(
            names=names,
            variants=[],
            baseline=baseline,
            candidate=candidate,
            workload=WorkloadRequest(**options),
        )
        return plan.sessions[0].workload.input_shape

    assert shape(["inception_v3"], OLD) == (1, 3, 299, 299)
    assert shape(["inception_v3"], "plain", NEW) == (1, 3, 299, 299)
    assert shape([], OLD, NEW) == (1, 3, 224, 224)
    assert shape([], OLD, NEW, image_size=32) == (1, 3, 32, 32)


def test_a_seed_is_drawn_where_none_is_given():
    seeds = {make_plan(names=["resnet50"], variants=[]).seed for _ in range(3)}
    assert len(seeds) > 1
