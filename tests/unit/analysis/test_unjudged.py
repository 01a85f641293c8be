"""What was not judged, and what could not have failed, is no pass."""

import pytest

from sebench.analysis.unjudged import (
    EXIT_CODES,
    Unjudged,
    error_reason,
    same_code,
    without_free_passes,
)
from sebench.errors import BuildError, DataFileError, UnknownModelError
from sebench.schema import Reason
from tests import gates


def test_every_limit_is_a_check_that_is_not_comparable():
    unjudged = Unjudged(
        kind="base-ref",
        model="nets.py:net",
        baseline="main (0123abc)",
        candidate="this tree",
        limits=(("latency", 1.05), ("params", 1.0)),
        reason=same_code("main (0123abc)"),
    )
    found = list(unjudged.checks())
    assert [(each.metric, each.limit, each.status) for each in found] == [
        ("latency", 1.05, "not_comparable"), ("params", 1.0, "not_comparable"),
    ]  # fmt: skip
    assert {each.reason.code for each in found} == {"same-code"}
    assert found[0].reason.message == (
        "main (0123abc) has exactly the files of this tree: a gate on equal code cannot fail"
    )


@pytest.mark.parametrize(
    ("error", "exit_code"), [(BuildError("b"), 1), (DataFileError("d"), 1), (UnknownModelError("u"), 2)]
)
def test_an_error_keeps_its_exit_code(error, exit_code):
    assert EXIT_CODES[error_reason(error).code] == exit_code


def open_check(code, **fields):
    return gates.inconclusive(reason=Reason(code=code, message="it is open", hint="measure more"), **fields)


@pytest.mark.parametrize(
    "code",
    ["not-enough-processes", "no-interval", "sessions-not-calibrated", "another-set-up", "stored-too-old"],
)
def test_what_can_only_be_inconclusive_is_not_let_through(code):
    check = open_check(code)
    assert list(without_free_passes([check], "fail")) == [check]
    (found,) = without_free_passes([check], "pass")
    assert (found.status, found.reason.code) == ("not_comparable", "cannot-fail")
    assert found.reason.message == "it is open; because inconclusive checks pass, this gate cannot fail"
    assert found.reason.hint == "measure more; or remove --on-inconclusive pass"
    assert found.ratio == check.ratio


def test_what_noise_leaves_open_is_let_through():
    checks = [open_check("interval-contains-limit"), open_check("grade-c"), gates.passed(), gates.check()]
    assert list(without_free_passes(checks, "pass")) == checks
