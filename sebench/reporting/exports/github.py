"""A gate for GitHub Actions: annotations in the log and Markdown for the summary of the job.

Neither needs a token, so both work for pull requests from forks.
"""

from __future__ import annotations

from typing import Literal

from sebench.lines import single_line
from sebench.reporting.gate import gate_document
from sebench.reporting.gate_answers import Outcome, check_name, check_sentence, outcome, verdict_sentence
from sebench.reporting.markdown import render_markdown
from sebench.schema import Check, Gate

Level = Literal["error", "warning"]

MAX_ANNOTATIONS = 10
"""Of one level; GitHub drops what a step writes beyond them."""

_LEVELS: dict[Outcome, Level] = {"failure": "error", "error": "error", "skipped": "warning"}
_LEVELS_BY_WEIGHT: tuple[Level, ...] = ("error", "warning")


def github_annotations(gate: Gate) -> str:
    """Workflow commands, one per line, for whatever did not pass; empty where everything did.

    Where there are more than GitHub shows, the last one says how many are missing.
    """
    annotated = [(level, check) for check in gate.checks if (level := _LEVELS.get(outcome(check, gate)))]
    lines = [line for level in _LEVELS_BY_WEIGHT for line in _lines(level, annotated)]
    if gate.status != "passed" and not lines:
        lines = [annotation("error", "sebench", verdict_sentence(gate))]
    return "".join(f"{line}\n" for line in lines)


def github_summary(gate: Gate) -> str:
    """The gate as GitHub Markdown, for the file named by ``GITHUB_STEP_SUMMARY``."""
    return render_markdown(gate_document(gate))


def annotation(level: Level, title: str, message: str) -> str:
    """One workflow command, e.g. ``::error title=sebench::too slow``."""
    return f"::{level} title={_escape_property(single_line(title))}::{_escape_data(single_line(message))}"


def _lines(level: Level, annotated: list[tuple[Level, Check]]) -> list[str]:
    found = [_annotate(own, check) for own, check in annotated if own == level]
    if len(found) <= MAX_ANNOTATIONS:
        return found
    shown = found[: MAX_ANNOTATIONS - 1]
    more = f"{len(found) - len(shown)} more checks, listed in the summary of the job"
    return [*shown, annotation(level, "sebench", more)]


def _annotate(level: Level, check: Check) -> str:
    hint = f"; {check.reason.hint}" if check.reason.hint else ""
    return annotation(level, f"sebench: {check_name(check)}", f"{check_sentence(check)}{hint}")


# Escapes of workflow commands: docs.github.com, "Workflow commands for GitHub Actions"; `%` comes first.


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
