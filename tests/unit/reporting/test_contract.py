"""The JSON contract, held by a checker that knows every field and accepts no other."""

import json
import math
from types import NoneType

import pytest

from sebench.reporting import comparison_json, count_json, environment_json
from sebench.schema import Finding, UncountedOp

NUMBER = (int, float, NoneType)
TEXT = (str, NoneType)
INTERVAL = {"estimate": NUMBER, "ci_low": NUMBER, "ci_high": NUMBER}
SIDE = {"value": NUMBER, "q1": NUMBER, "q3": NUMBER, "n": (int, NoneType)}
FINDING = {"code": str, "severity": {"info", "warning", "error"}, "message": str, "hint": TEXT}
UNCOUNTED = {"op": str, "calls": int}
WORKLOAD = {
    "device": str,
    "phase": {"inference", "training"},
    "batch_size": int,
    "input_shape": [int],
    "dtype": str,
    "memory_format": {"contiguous", "channels_last"},
    "threads": int,
    "runtime": {"eager", "cudagraph", "compile"},
    "execution": {"eager", "cudagraph", "compile"},
    "optimizer": {"none", "sgd"},
    "quantize": {"none", "int8"},
    "world_size": int,
    "micro_batch_size": (int, type(None)),
    "cudnn_benchmark": bool,
}
METRIC = {
    "metric": str,
    "unit": str,
    "exact": bool,
    "baseline": SIDE,
    "candidate": SIDE,
    "difference": INTERVAL,
    "ratio": {
        **INTERVAL,
        "confidence": (int, float),
        "method": str,
        "scope": {"process", "within-process", None},
        "processes": int,
        "blocks": int,
    },
    "grade": {"A", "B", "C"},
    "status": {"ok", "unavailable"},
    "reason": TEXT,
    "findings": [FINDING],
}
COMPARISONS = {
    "schema": {"sebench/1"},
    "kind": {"comparison"},
    "environment": (dict, NoneType),
    "comparisons": [
        {
            "model": str,
            "baseline": str,
            "candidate": str,
            "metrics": [METRIC],
            "saved_by_stage": [{"stage": str, "baseline_bytes": int, "candidate_bytes": int}],
            "uncounted": [UNCOUNTED],
            "findings": [FINDING],
        }
    ],
}
SUMS = dict.fromkeys(("macs", "paper_macs", "flops", "bytes_read", "bytes_written"), int)
ROW = {"phase": {"forward", "backward"}, "calls": int, **SUMS}
COUNTS = {
    "schema": {"sebench/1"},
    "kind": {"count"},
    "models": [
        {
            "model": str,
            "variant": str,
            "num_classes": (int, NoneType),
            "stride_in": TEXT,
            "model_args": [str],
            "weights": TEXT,
            "insert_after": TEXT,
            "attention_class": TEXT,
            "example_inputs": TEXT,
            "input_shape": [int],
            "dtype": str,
            "phase": {"inference", "training"},
            "params": int,
            "buffers": int,
            **SUMS,
            "sites": int,
            "attention": {"params": int, **{name: int for name in SUMS if name != "paper_macs"}},
            "by_op": [{"op": str, **ROW}],
            "by_stage": [{"stage": str, **ROW}],
            "by_site": [{"site": str, "stage": str, "params": int, **ROW}],
            "uncounted": [UNCOUNTED],
        }
    ],
}


def check(value, shape, path="$"):
    """Raises AssertionError where `value` has not exactly `shape`."""
    if isinstance(shape, dict):
        assert set(value) == set(shape), f"{path}: {set(value) ^ set(shape)}"
        for key, inner in shape.items():
            check(value[key], inner, f"{path}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), path
        for position, item in enumerate(value):
            check(item, shape[0], f"{path}[{position}]")
    elif isinstance(shape, set):
        assert value in shape, f"{path}: {value!r}"
    else:
        kinds = shape if isinstance(shape, tuple) else (shape,)
        assert type(value) in kinds, f"{path}: {value!r}"


def read(text):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def with_workload(shape, *, sampled):
    return {**shape, "workload": WORKLOAD} if sampled else shape


def check_comparisons(content):
    check({**content, "comparisons": []}, COMPARISONS)
    for comparison in content["comparisons"]:
        metrics = comparison["metrics"]
        check({**comparison, "metrics": []}, COMPARISONS["comparisons"][0])
        for metric in metrics:
            check(metric, with_workload(METRIC, sampled=not metric["exact"]))
            if None in (metric["ratio"]["estimate"], metric["baseline"]["value"]):
                assert metric["reason"], "unknown needs a reason"


def test_comparison(make):
    pair = make.comparison(
        *make.static(),
        make.latency(),
        uncounted=(UncountedOp(op="aten.erf", calls=2),),
        findings=(Finding(code="c", severity="info", message="m"),),
    )
    content = read(comparison_json([pair, *make.several()], make.environment()))
    check_comparisons(content)
    latency = content["comparisons"][0]["metrics"][-1]
    assert latency["ratio"]["ci_high"] == 1.024
    assert latency["workload"]["input_shape"] == [1, 3, 224, 224]
    assert content["environment"]["cpu"]["model"] == "Example CPU 9000"


def test_unknown_machine_is_null(make):
    assert read(comparison_json([make.comparison()], None))["environment"] is None


def test_unavailable_is_null_with_a_reason(make):
    metric = read(comparison_json([make.comparison(make.unavailable())], None))["comparisons"][0]["metrics"][
        0
    ]
    assert metric["status"] == "unavailable"
    assert metric["baseline"]["value"] is metric["ratio"]["estimate"] is None
    assert metric["reason"] == "process 3 ran out of memory"


def test_what_is_not_finite_is_null_with_a_reason(make):
    pair = make.comparison(make.latency(ratio=(math.nan, -math.inf, math.inf)))
    environment = make.environment(load={"load1": math.nan, "deep": [{"x": math.inf}]})
    content = read(comparison_json([pair], environment))
    check_comparisons(content)
    assert content["comparisons"][0]["metrics"][0]["reason"] == (
        "not a finite number: ratio.estimate, ratio.ci_low, ratio.ci_high"
    )
    assert content["environment"]["load"] == {"load1": None, "deep": [{"x": None}]}


def test_odd_facts_of_the_environment_do_not_break_it(make):
    content = read(environment_json(make.environment(git={"path": {1}, "object": object})))
    assert (content["kind"], content["environment"]["git"]["path"]) == ("environment", [1])


@pytest.mark.parametrize("variant", ["plain", "se"])
def test_count(make, variant):
    content = read(count_json([make.model_cost(variant=variant)]))
    check(content, COUNTS)
    (model,) = content["models"]
    attention = {"params": 580, "macs": 512, "flops": 1152, "bytes_read": 768, "bytes_written": 256}
    assert model["attention"] == (attention if variant == "se" else dict.fromkeys(attention, 0))
    assert model["sites"] == (1 if variant == "se" else 0)
    assert sum(row["macs"] for row in model["by_op"]) == model["macs"]
    assert sum(row["bytes_read"] for row in model["by_stage"]) == model["bytes_read"]


def test_training_adds_backward_rows_and_saved_bytes(make):
    (model,) = read(count_json([make.model_cost(phase="training")]))["models"]
    assert model["saved_bytes"] == 6144
    assert {row["phase"] for row in model["by_stage"]} == {"forward", "backward"}
    assert [row.get("saved_bytes") for row in model["by_stage"]] == [2048, 4096, None, None]


def test_text_is_stable_ascii(make):
    hostile = make.comparison(model="r\u00e9s\x1b[31m\x9b\ud800")
    text = comparison_json([hostile], make.environment())
    assert text.isascii()
    assert text.startswith('{\n  "schema": "sebench/1",\n  "kind": "comparison",\n')
    assert text.endswith("}\n")
    assert text == comparison_json([hostile], make.environment())
    assert read(text)["comparisons"][0]["model"] == "r\u00e9s\x1b[31m\x9b\ud800"


def test_the_checker_refuses_what_is_off():
    for value, shape in ((1.0, int), (True, int), ({"a": 1}, {"b": int}), ("x", {"y"}), (None, [int])):
        with pytest.raises(AssertionError):
            check(value, shape)
