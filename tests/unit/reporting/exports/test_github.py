"""Workflow commands and the summary of a job."""

import pytest

from sebench.reporting.exports import github_annotations, github_summary
from sebench.reporting.exports.github import annotation
from sebench.schema import Reason
from tests import gates


def test_what_did_not_pass_is_annotated():
    assert [line for line in github_annotations(gates.mixed()).splitlines() if " se bytes" not in line] == [
        "::error title=sebench%3A resnet50 se latency::"
        "resnet50 se latency 1.082 [1.071, 1.093] (grade A) exceeds the limit of 1.05",
        "::error title=sebench%3A vgg16_bn se latency::"
        "vgg16_bn se latency 1.048 [1.021, 1.076] (grade C), limit 1.05: the limit lies inside the interval; "
        "use --effort rigorous",
        "::error title=sebench%3A resnet50 se(r=8) latency::"
        "resnet50 se(r=8) latency: nothing valid was measured",
    ]


def test_exact_figures_have_their_values():
    gate = gates.gate(gates.exact())
    assert "(102,228,128 -> 112,352,096 B)" in github_annotations(gate)
    assert "| 102,228,128 -> 112,352,096 B |" in github_summary(gate).replace("&gt;", ">")


def test_what_passed_is_not():
    assert github_annotations(gates.gate(gates.passed(), gates.lock())) == ""


def test_an_inconclusive_check_that_is_let_through_is_a_warning():
    tolerant = gates.gate(gates.inconclusive(), status="passed", on_inconclusive="pass")
    assert github_annotations(tolerant).startswith("::warning title=sebench%3A resnet50 se latency::")


def test_errors_come_before_warnings():
    gate = gates.gate(gates.inconclusive(), gates.check(), on_inconclusive="pass")
    assert [line[:9] for line in github_annotations(gate).splitlines()] == ["::error t", "::warning"]


def test_a_gate_that_compared_nothing_says_so():
    nothing = "::error title=sebench::not comparable: nothing was compared\n"
    assert github_annotations(gates.gate()) == nothing


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 10), (30, 10)])
def test_no_more_than_github_shows(count, shown):
    lines = github_annotations(gates.gate(*[gates.check() for _ in range(count)])).splitlines()
    assert len(lines) == shown
    more = f"::error title=sebench::{count - 9} more checks, listed in the summary of the job"
    assert (lines[-1] == more) == (count > 10)


def test_escapes():
    assert annotation("error", "50 %: a, b", "100 %: a, b") == "::error title=50 %25%3A a%2C b::100 %25: a, b"
    # A second command cannot be smuggled in: white space, line ends among it, becomes single spaces.
    assert annotation("warning", "x", "y\r\n::error::z%0A\x1b[0m") == (
        "::warning title=x::y ::error::z%250A\\x1b[0m"
    )


def test_hostile_names_stay_on_their_line():
    reason = Reason(code="c", message="m\n::set-output name=x::y", hint="h\r::stop-commands::t")
    gate = gates.gate(gates.inconclusive(model="a\n::error::b", reason=reason))
    (line,) = github_annotations(gate).splitlines()
    assert line.startswith(
        "::error title=sebench%3A a %3A%3Aerror%3A%3Ab se latency::a ::error::b se latency"
    )


def test_the_summary_is_the_document_as_markdown():
    summary = github_summary(gates.mixed())
    assert summary.startswith(
        "# Gate: failed\n\n"
        "**failed: resnet50 se latency 1.082 [1.071, 1.093] (grade A) exceeds the limit of 1.05, "
        "and 1 more of 6 checks**\n"
    )
    assert "| resnet50 se latency | 1.05 | 1.082 [1.071, 1.093] |  | A | &lt;0.001 | failed |" in summary
