"""JUnit XML: what each status becomes, the common form, and names that would break it."""

import re
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from sebench.reporting.exports import junit_xml
from sebench.schema import Reason
from tests import gates

NOW = "2026-01-02T03:04:05.678+00:00"
HOSTILE = "a\x00b\x1b[31m<&>\"'\ud800\ufffe]]>\n\t::error::x\u202e"

# Element: attributes (pattern), children in order. After the schema of Ant's JUnit task, the strictest.
NUMBER = r"\d+"
FORM = {
    "testsuites": ({}, ["testsuite"]),
    "testsuite": (
        {
            "name": ".+",
            "package": ".+",
            "id": NUMBER,
            "hostname": ".+",
            "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
            "time": r"\d+(\.\d+)?",
            **dict.fromkeys(("tests", "failures", "errors", "skipped"), NUMBER),
        },
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": ({}, ["property"]),
    "property": ({"name": ".+", "value": ".*"}, []),
    "testcase": (
        {"name": ".+", "classname": ".+", "time": r"\d+(\.\d+)?"},
        ["skipped", "error", "failure"],
    ),
    **dict.fromkeys(("failure", "error", "skipped"), ({"message": ".*", "type": ".+"}, [])),
    **dict.fromkeys(("system-out", "system-err"), ({}, [])),
}
ONCE = {"properties", "system-out", "system-err", "failure", "error", "skipped"}


def check_form(element):
    attributes, children = FORM[element.tag]
    assert set(element.attrib) == set(attributes)
    for name, pattern in attributes.items():
        assert re.fullmatch(pattern, element.get(name), re.DOTALL), (element.tag, name, element.get(name))
    tags = [child.tag for child in element]
    assert [children.index(tag) for tag in tags] == sorted(children.index(tag) for tag in tags)
    assert all(tags.count(tag) <= 1 for tag in ONCE)
    if element.tag == "testcase":
        assert len(tags) <= 1
    for child in element:
        check_form(child)


def suite_of(gate):
    text = junit_xml(replace(gate, started_at=gate.started_at or NOW))
    root = ElementTree.fromstring(text.encode())  # noqa: S314 - just written
    check_form(root)
    (suite,) = root
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases)
    for counter, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(counter)) == len(suite.findall(f"testcase/{tag}"))
    return suite


def outcomes(suite):
    return [case[0].tag if len(case) else "passed" for case in suite.findall("testcase")]


def test_one_case_per_check():
    suite = suite_of(gates.mixed())
    assert outcomes(suite) == ["passed", "failure", "passed", "failure", "failure", "error"]
    assert suite.get("timestamp") == "2026-01-02T03:04:05"
    failed = suite.findall("testcase")[1]
    assert failed.attrib == {
        "classname": "sebench.ceiling",
        "name": "resnet50 se latency (cpu inference 1x3x224x224 float32, 2 threads)",
        "time": "0.000",
    }
    assert failed[0].get("type") == "beyond"
    assert (
        failed[0].get("message")
        == "resnet50 se latency 1.082 [1.071, 1.093] (grade A) exceeds the limit of 1.05"
    )
    assert failed[0].text.splitlines() == [
        "resnet50 se latency 1.082 [1.071, 1.093] (grade A) exceeds the limit of 1.05",
        "reason: the interval lies beyond the limit",
        "over: plain",
        "p: 0.0002",
        "6 processes x 8 blocks, pooled over 2 runs",
        "steal-high: the host took 2.4 % of the CPU",
    ]
    assert "failed: resnet50 se latency" in suite.find("system-out").text


@pytest.mark.parametrize(("on_inconclusive", "outcome"), [("fail", "failure"), ("pass", "skipped")])
def test_inconclusive_is_what_the_user_makes_of_it(on_inconclusive, outcome):
    assert outcomes(suite_of(gates.gate(gates.inconclusive(), on_inconclusive=on_inconclusive))) == [outcome]


@pytest.mark.parametrize(
    ("gate", "tag"),
    [
        (gates.gate(), "error"),
        (gates.gate(gates.passed(), status="failed"), "failure"),
        (gates.gate(gates.passed(), status="inconclusive"), "error"),
    ],
)
def test_a_gate_that_did_not_pass_never_looks_green(gate, tag):
    suite = suite_of(gate)
    assert outcomes(suite)[-1] == tag
    assert suite.findall("testcase")[-1].get("name") == "gate"


def test_a_gate_that_passed_has_no_fault():
    suite = suite_of(gates.gate(gates.passed(), gates.lock()))
    assert outcomes(suite) == ["passed", "passed"]


def test_hostile_names_stay_text():
    reason = Reason(code=HOSTILE, message=HOSTILE, hint=HOSTILE)
    check = gates.check(model=HOSTILE, candidate="se", metric=HOSTILE, baseline=HOSTILE, reason=reason)
    (case,) = suite_of(gates.gate(check)).findall("testcase")
    shown = "a\\x00b\\x1b[31m<&>\"'\\ud800\\ufffe]]> ::error::x\\u202e"
    assert case.get("name").startswith(f"{shown} se {shown}")
    assert case[0].get("type") == shown


def test_times_are_those_of_the_gate():
    suite = suite_of(gates.mixed())
    assert suite.get("time") == "93.750"
    times = {case.get("name"): case.get("time") for case in suite.findall("testcase")}
    assert times["resnet50 se params"] == "0.250"
    assert times["mobilenet_v1 se bytes"] == "1.500"
    # The form has no zone: the same moment, told in another one.
    elsewhere = gates.gate(gates.passed(), started_at="2026-01-02T05:04:05+02:00")
    assert suite_of(elsewhere).get("timestamp") == "2026-01-02T03:04:05"


def test_exact_figures_have_their_values_whether_they_failed_or_not():
    shown = "102,228,128 -> 112,352,096 B"
    failed = suite_of(gates.gate(gates.exact()))
    sentence = f"resnet50 se bytes 1.099 ({shown}) exceeds the limit of 1.05"
    assert failed.find("testcase/failure").get("message") == sentence
    passed = suite_of(gates.gate(gates.exact("passed", limit=1.1)))
    sentence = f"resnet50 se bytes 1.099 ({shown}) is within the limit of 1.1"
    assert passed.find("system-out").text.splitlines()[-1] == sentence


def test_without_a_time_there_is_no_timestamp():
    text = junit_xml(gates.gate(gates.passed()))
    (suite,) = ElementTree.fromstring(text.encode())  # noqa: S314 - just written
    assert "timestamp" not in suite.attrib
