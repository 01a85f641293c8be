"""A gate as JUnit XML, in the form that Ant wrote first and every CI system reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
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
# The form asks for times; a gate does not know how long each of its checks took.
_NO_TIME = "0"


def junit_xml(gate: Gate, *, created_at: datetime | None = None) -> str:
    """`gate` as one test suite with one test case per check.

    A failed check is a failure, one that could not be compared an error, an inconclusive one whatever
    `gate.on_inconclusive` makes of it. A gate that did not pass never reads as a suite without faults: where
    no check says so, a test case of its own does.

    Args:
        gate: All checks of one invocation.
        created_at: When; left out where unknown.
    """
    cases = [_case(check, outcome(check, gate)) for check in gate.checks]
    if gate.status != "passed" and not any(len(case) for case in cases):
        cases.append(_gate_case(gate))
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", _suite_attributes(cases, created_at))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("status", gate.status), ("on_inconclusive", gate.on_inconclusive)):
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = render_text(gate_document(gate))
    ElementTree.SubElement(suite, "system-err").text = ""
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite_attributes(cases: Sequence[ElementTree.Element], created_at: datetime | None) -> dict[str, str]:
    tags = [child.tag for case in cases for child in case]
    return {
        "name": SUITE,
        "package": SUITE,
        "id": "0",
        "tests": str(len(cases)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": _NO_TIME,
        "hostname": "localhost",  # the form's own word for a host that is not named
        **({"timestamp": created_at.strftime("%Y-%m-%dT%H:%M:%S")} if created_at else {}),
    }


def _case(check: Check, result: Outcome) -> ElementTree.Element:
    workload = f" ({workload_name(check.workload)})" if check.workload else ""
    case = _empty_case(check_name(check) + workload, check.kind)
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


def _empty_case(name: str, kind: str) -> ElementTree.Element:
    attributes = {"classname": f"{SUITE}.{kind}", "name": single_line(name), "time": _NO_TIME}
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
