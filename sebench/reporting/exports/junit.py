"""A gate as JUnit XML, in the form that Ant wrote first and every CI system reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from sebench.lines import single_line
from sebench.reporting.answers import sizes_text
from sebench.reporting.comparison_notes import finding_text
from sebench.reporting.gate import gate_document
from sebench.reporting.gate_answers import (
    Outcome,
    check_name,
    check_sentence,
    outcome,
    verdict_sentence,
)
from sebench.reporting.series import workload_name
from sebench.reporting.text import render_text
from sebench.schema import Check, Gate

SUITE = "sebench"


def junit_xml(gate: Gate) -> str:
    """`gate` as one test suite with one test case per check.

    A failed check is a failure, one that could not be compared an error, an inconclusive one whatever
    `gate.on_inconclusive` makes of it. A gate that did not pass never reads as a suite without faults: where
    no check says so, a test case of its own does. Checks that share a measurement share its time evenly; the
    suite's time is that of the whole gate, what was set up for it included.

    Args:
        gate: All checks of one invocation; without `Gate.started_at` there is no time stamp.
    """
    cases = [_case(check, outcome(check, gate)) for check in gate.checks]
    if gate.status != "passed" and not any(len(case) for case in cases):
        cases.append(_gate_case(gate))
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", _suite_attributes(gate, cases))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("status", gate.status), ("on_inconclusive", gate.on_inconclusive)):
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    suite.extend(cases)
    sentences = "".join(f"{single_line(check_sentence(check))}\n" for check in gate.checks)
    ElementTree.SubElement(suite, "system-out").text = f"{render_text(gate_document(gate))}\n{sentences}"
    ElementTree.SubElement(suite, "system-err").text = ""
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite_attributes(gate: Gate, cases: Sequence[ElementTree.Element]) -> dict[str, str]:
    tags = [child.tag for case in cases for child in case]
    return {
        "name": SUITE,
        "package": SUITE,
        "id": "0",
        "tests": str(len(cases)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": _seconds(gate.duration_s),
        "hostname": "localhost",  # the form's own word for a host that is not named
        **({"timestamp": _timestamp(gate.started_at)} if gate.started_at else {}),
    }


def _timestamp(started_at: str) -> str:
    """The form has no place for a zone: it is UTC."""
    return datetime.fromisoformat(started_at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(duration_s: float | None) -> str:
    return f"{duration_s or 0.0:.3f}"


def _case(check: Check, result: Outcome) -> ElementTree.Element:
    workload = f" ({workload_name(check.workload)})" if check.workload else ""
    case = _empty_case(check_name(check) + workload, check.kind, check.duration_s)
    if result != "passed":
        # single_line also spells out what XML 1.0 cannot hold, control characters above all.
        described = {"message": single_line(check_sentence(check)), "type": single_line(check.reason.code)}
        fault = ElementTree.SubElement(case, result, described)
        fault.text = "\n".join(single_line(line) for line in _details(check))
    return case


def _gate_case(gate: Gate) -> ElementTree.Element:
    case = _empty_case("gate", "gate")
    kind = "failure" if gate.status == "failed" else "error"
    described = {"message": verdict_sentence(gate), "type": gate.status}
    ElementTree.SubElement(case, kind, described).text = verdict_sentence(gate)
    return case


def _empty_case(name: str, kind: str, duration_s: float | None = None) -> ElementTree.Element:
    attributes = {
        "classname": f"{SUITE}.{kind}",
        "name": single_line(name),
        "time": _seconds(duration_s),
    }
    return ElementTree.Element("testcase", attributes)


def _details(check: Check) -> Iterator[str]:
    yield check_sentence(check)
    yield f"reason: {check.reason.message}"
    if check.reason.hint:
        yield check.reason.hint
    yield f"over: {check.baseline}"
    if check.p_value is not None:
        yield f"p: {check.p_value:.3g}"
    if not check.exact and check.ratio.processes:
        yield f"{sizes_text(check.ratio)}, pooled over {check.attempts} run{'s' * (check.attempts > 1)}"
    yield from map(finding_text, check.findings)
