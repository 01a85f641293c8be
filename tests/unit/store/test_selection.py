"""Which results are meant, and what is said where there are none."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sebench.errors import UsageError
from sebench.schema import ModelSpec, Pair, ResultSummary, Workload, WorkloadRequest
from sebench.store import criteria, parse_since, unmatched

NOW = datetime(2026, 11, 8, 12, tzinfo=UTC)


def summary(model="resnet50", variant="se", device="cpu", **fields):
    workload = Workload(device=device, input_shape=(1, 3, 224, 224))
    values = {
        "id": "x",
        "created_at": "2026-11-01T12:00:00+00:00",
        "sebench": "0.1.0",
        "pair": Pair(baseline=ModelSpec(model=model), candidate=ModelSpec(model=model, variant=variant)),
        "workloads": (workload,),
        "fingerprint": "f1",
        "commit": "0123abcd",
    }
    return ResultSummary(**{**values, **fields})


def holds(one, **conditions):
    return all(criterion.holds(one) for criterion in criteria(**conditions))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"model": "resnet50"}, True),
        ({"model": "resnet5"}, False),
        ({"model": ["vgg16_bn", "resnet50"]}, True),
        ({"model": ()}, True),
        ({"variant": "se"}, True),
        ({"variant": "plain"}, False),
        ({"workload": WorkloadRequest(device="cpu")}, True),
        ({"workload": WorkloadRequest(device="cuda")}, False),
        ({"commit": "0123"}, True),
        ({"commit": "0123ABCD"}, True),
        ({"commit": "123"}, False),
        ({"fingerprint": "f1"}, True),
        ({"fingerprint": "f"}, False),
        ({"since": datetime(2026, 11, 1, 12, tzinfo=UTC)}, True),
        ({"since": datetime(2026, 11, 1, 12, 0, 1, tzinfo=UTC)}, False),
        ({"since": datetime(2026, 11, 1, 14, tzinfo=timezone(timedelta(hours=2)))}, True),
        ({"model": "resnet50", "workload": WorkloadRequest(device="cuda")}, False),
    ],
)
def test_conditions(conditions, expected):
    assert holds(summary(), **conditions) is expected


def test_two_networks_are_found_by_either_name():
    pair = Pair(baseline=ModelSpec(model="nets.py:old"), candidate=ModelSpec(model="nets.py:new"))
    assert [holds(summary(pair=pair), model=f"nets.py:{name}") for name in ("old", "new", "net")] == [
        True,
        True,
        False,
    ]
    assert holds(summary(pair=pair), variant="asis")


@pytest.mark.parametrize(("wanted", "expected"), [("cuda", True), ("cuda:1", True), ("cuda:0", False)])
def test_an_accelerator_is_meant_with_or_without_its_number(wanted, expected):
    assert holds(summary(device="cuda:1"), workload=WorkloadRequest(device=wanted)) is expected


def test_a_result_without_a_commit_or_a_workload_is_at_none():
    assert not holds(summary(commit=None), commit="0")
    assert not holds(summary(workloads=()), workload=WorkloadRequest(device="cpu"))


def test_a_time_without_a_zone_is_utc():
    assert holds(summary(created_at="2026-11-01T12:00:00"), since=datetime(2026, 11, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T13:30", datetime(2026, 11, 1, 13, 30, tzinfo=UTC)),
        ("2026-11-01T13:30+02:00", datetime(2026, 11, 1, 11, 30, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 8, 11, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 8, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 10, 25, 12, tzinfo=UTC)),
    ],
)
def test_since(text, moment):
    assert parse_since(text, now=NOW) == moment


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "7", "d", "-7d", "7 d", "7y", "1.5d", "2026-13-01", "2026-11", "999999w", "\u0667d"],
)
def test_since_that_cannot_be_meant(text):
    with pytest.raises(UsageError, match=r"--since .* is neither a date nor a duration; write 2026-11-01"):
        parse_since(text, now=NOW)


def explain(results, **conditions):
    return unmatched(results, criteria(**conditions))


def test_the_condition_that_nothing_meets_is_named():
    known = [summary(), summary("vgg16_bn", "se(r=8)", "cuda:1")]
    assert explain([], model="resnet50") == "there are no results"
    assert explain(known, model="resnet5") == "no result has model 'resnet5'; did you mean 'resnet50'?"
    assert explain(known, model=["x", "vgg16"]) == (
        "no result has model 'x' or 'vgg16'; did you mean 'vgg16_bn'?"
    )
    assert explain(known, variant="eca") == "no result has variant 'eca'; there is se, se(r=8)"
    assert (
        explain(known, workload=WorkloadRequest(device="mps"))
        == "no result has device 'mps'; there is cpu, cuda:1"
    )
    assert explain(known, model="resnet50", commit="ff") == "no result has commit 'ff'"
    assert explain(known, since=NOW) == "no result has a time since 2026-11-08 12:00 UTC"
    assert explain(known, model="resnet50", workload=WorkloadRequest(device="cuda")) == (
        "no result has all of: model 'resnet50', device 'cuda'"
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"phase": "training"}, True),
        ({"batch_size": 1}, True),
        # Each is so of one of the two workloads, and both of none.
        ({"phase": "training", "batch_size": 1}, False),
        ({"phase": "training", "batch_size": 256, "device": "cuda"}, True),
        ({"runtime": "compile"}, True),
        ({"runtime": "cudagraph"}, False),
        ({"image_size": "224"}, True),
        ({"image_size": "224x224"}, True),
        ({"image_size": "224x96"}, False),
    ],
)
def test_one_workload_meets_all_options(asked, expected):
    inference = Workload(input_shape=(1, 3, 224, 224))
    training = Workload(
        device="cuda:0", phase="training", batch_size=256, input_shape=(256, 3, 96, 96), runtime="compile"
    )
    found = summary(workloads=(inference, training))
    assert holds(found, workload=WorkloadRequest(**asked)) is expected


def test_what_no_workload_is_in_all_is_said():
    inference = Workload(input_shape=(1, 3, 224, 224))
    training = Workload(phase="training", batch_size=16, input_shape=(16, 3, 224, 224))
    found = [summary(workloads=(inference, training))]
    asked = WorkloadRequest(phase="training", batch_size=1)
    assert explain(found, workload=asked) == (
        "no result has phase 'training' and batch size 1 in one workload"
    )
    assert explain(found, workload=WorkloadRequest(dtype="float16")) == (
        "no result has number format 'float16'; there is float32"
    )
