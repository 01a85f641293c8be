"""The gate as sentences, document and JSON."""

import json
import math

import pytest

from sebench.reporting import gate_document, gate_json, render
from sebench.reporting.gate_answers import check_sentence, verdict_sentence
from sebench.schema import Ratio, Reason
from tests import gates


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        (
            gates.gate(gates.check()),
            "failed: resnet50 se latency 1.082 [1.071, 1.093] (grade A) exceeds the limit of 1.05",
        ),
        (
            gates.gate(gates.check(), gates.passed(), gates.check(metric="peak_memory")),
            "failed: resnet50 se latency 1.082 [1.071, 1.093] (grade A) exceeds the limit of 1.05, "
            "and 1 more of 3 checks",
        ),
        (
            gates.gate(gates.passed()),
            "passed: resnet50 se latency 1.018 [1.012, 1.024] (grade A) is within the limit of 1.05",
        ),
        (gates.gate(gates.passed(), gates.lock()), "passed: 2 checks within their limits"),
        (
            gates.gate(gates.inconclusive()),
            "inconclusive: resnet50 se latency 1.048 [1.021, 1.076] (grade C), limit 1.05: "
            "the limit lies inside the interval",
        ),
        (
            gates.gate(gates.passed(), gates.inconclusive(), status="passed", on_inconclusive="pass"),
            "passed: resnet50 se latency 1.018 [1.012, 1.024] (grade A) is within the limit of 1.05; "
            "1 inconclusive, allowed by --on-inconclusive pass",
        ),
        (
            gates.gate(gates.not_comparable()),
            "not comparable: resnet50 se latency: nothing valid was measured",
        ),
        (
            gates.gate(gates.lock("failed", reason=Reason(code="differs", message="100 locked, 110 here"))),
            "failed: resnet50 se params: 100 locked, 110 here",
        ),
        (gates.gate(), "not comparable: nothing was compared"),
        (gates.gate(gates.passed(), status="inconclusive"), "inconclusive: 1 passed"),
    ],
)
def test_the_verdict_in_one_sentence(gate, sentence):
    assert verdict_sentence(gate) == sentence


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (gates.ratio(1.0621, 1.0503, 1.0741), "1.0621 [1.0503, 1.0741]"),  # not [1.050, ...] beyond 1.05
        (gates.ratio(1.06, 1.05, 1.07), "1.060 [1.050, 1.070]"),  # exactly the limit may look like it
        (gates.ratio(1.06, 1.0500000001, 1.07), "1.060000 [1.050000, 1.070000]"),  # six digits are enough
        (gates.ratio(1.06, None, None), "1.060"),
    ],
)
def test_a_bound_is_never_rounded_onto_the_limit(ratio, shown):
    assert (
        check_sentence(gates.check(ratio=ratio))
        == f"resnet50 se latency {shown} (grade A) exceeds the limit of 1.05"
    )


def test_an_exact_ratio_has_no_interval():
    exact = Ratio(estimate=1.099, ci_low=1.099, ci_high=1.099, method="exact")
    check = gates.check(metric="params", exact=True, ratio=exact, grade=None, workload=None, p_value=None)
    assert check_sentence(check) == "resnet50 se params 1.099 exceeds the limit of 1.05"


def test_exact_figures_are_shown_old_and_new_in_every_format():
    gate = gates.gate(gates.exact())
    document = gate_document(gate)
    shown = "102,228,128 -> 112,352,096 B"
    # The verdict above the table names them as well.
    texts = {
        name: render(document, name, width=160) for name in ("table", "markdown", "html", "latex", "csv")
    }
    plain = {name: text.replace("&gt;", ">").replace("\\textgreater{}", ">") for name, text in texts.items()}
    assert {name: text.count(shown) for name, text in plain.items() if name not in ("csv", "latex")} == {
        "table": 2, "markdown": 2, "html": 2,
    }  # fmt: skip
    assert "112,352,096 B" in plain["latex"]
    assert ",102228128,112352096,B,1.5," in texts["csv"]
    (entry,) = json.loads(gate_json(gate, None))["checks"]
    assert (entry["before"], entry["after"], entry["unit"]) == (102_228_128, 112_352_096, "B")


def test_on_a_narrow_line_the_values_stand_where_an_interval_would():
    text = render(gate_document(gates.gate(gates.exact(), gates.check())), "table", width=80)
    lines = [line for line in text.splitlines() if "112,352,096 B" in line]
    assert any("102,228,128 -> 112,352,096 B" in line for line in lines)
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_not_finite_is_unknown():
    check = gates.not_comparable(ratio=gates.ratio(math.nan, -math.inf, math.inf))
    assert check_sentence(check) == "resnet50 se latency: nothing valid was measured"
    (entry,) = json.loads(gate_json(gates.gate(check), None))["checks"]
    assert entry["ratio"]["estimate"] is entry["ratio"]["ci_low"] is entry["ratio"]["ci_high"] is None
    assert entry["reason"]["message"]


def test_two_factories_are_named_once():
    check = gates.check(
        kind="factories", model="nets.py:new", candidate="nets.py:new", baseline="nets.py:old"
    )
    assert check_sentence(check).startswith("nets.py:new latency 1.082")
    assert "over nets.py:old" in render(gate_document(gates.gate(check)), "table", width=120)


@pytest.mark.parametrize("format_", [("table", "txt"), ("markdown", "md"), ("csv", "csv"), ("latex", "tex")])
def test_documents(golden, format_):
    golden(f"gate.{format_[1]}", render(gate_document(gates.mixed()), format_[0], width=100))


def test_json(make, golden):
    golden("gate.json", gate_json(gates.mixed(), make.environment()))


def test_a_gate_without_checks_is_a_document_too():
    text = render(gate_document(gates.gate()), "table", width=100)
    assert text == "Gate: not comparable\n\nnot comparable: nothing was compared\n"


def test_notes_say_only_what_applies():
    assert gate_document(gates.gate(gates.lock())).notes == ()
    one = " ".join(gate_document(gates.gate(gates.check())).notes)
    assert "Holm-adjusted" in one
    assert "unadjusted" not in one
    assert "attempts" not in one
    tolerant = gate_document(gates.gate(gates.inconclusive(attempts=3), on_inconclusive="pass")).notes
    assert "up to 3 runs" in " ".join(tolerant)
    assert tolerant[-1].startswith("inconclusive checks do not fail this gate")


def test_findings_can_be_left_to_standard_error():
    assert any("steal-high" in note for note in gate_document(gates.mixed()).notes)
    assert not any("steal-high" in note for note in gate_document(gates.mixed(), with_findings=False).notes)
