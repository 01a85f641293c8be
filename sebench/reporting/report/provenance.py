"""What a report rests on: machine, findings, method, and the command to get it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from sebench.analysis.distribution import Distribution
from sebench.reporting.document import (
    Cell,
    Column,
    Details,
    Listing,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.reporting.environment import environment_document, environment_lines
from sebench.reporting.report.values import PairReport
from sebench.schema import Finding, TimingPolicy, fingerprint, telling_words

NO_FINDINGS = "None, neither about the machine nor about the samples."
ONE_FINGERPRINT = "All pairs were measured on one set-up."
SEVERAL_FINGERPRINTS = (
    "The pairs were measured on different set-ups: compare their ratios with care and their times not at all."
)
SEED_NOTE = (
    "a command without --seed drew the seed of the table: add it to draw the same weights, order and pauses."
)
NO_COMMAND = "The result does not record the command that measured it."
MACHINE = "machine"


# --- environment ------------------------------------------------------------------------------------------


def environment_section(pairs: Sequence[PairReport]) -> Section:
    """Each set-up in two lines, with every fact folded away."""
    setups: dict[str, list[PairReport]] = {}
    for pair in pairs:
        setups.setdefault(fingerprint(pair.environment), []).append(pair)
    parts = tuple(part for mark, members in setups.items() for part in _setup(mark, members))
    if len(pairs) == 1:
        return Section("Environment", parts)
    agreement = Paragraph(ONE_FINGERPRINT if len(setups) == 1 else SEVERAL_FINGERPRINTS)
    return Section("Environment", (agreement, *parts))


def _setup(mark: str, members: Sequence[PairReport]) -> tuple[Paragraph | Details, ...]:
    environment = members[0].environment
    dates = sorted(pair.created_at for pair in members)
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    facts = environment_document(environment).tables[-1]
    folded = Details(f"All facts, as of {members[0].created_at}", (_titled(facts, "Facts"),))
    lines = environment_lines(environment, when)
    return (*map(Paragraph, lines), Paragraph(f"fingerprint: {mark[:16]}"), folded)


def _titled(table: Table, title: str) -> Table:
    return Table(title, table.columns, table.rows, table.notes)


# --- findings ---------------------------------------------------------------------------------------------


def findings_section(pairs: Sequence[PairReport]) -> Section:
    """Warnings and errors of the machine, of the pairs and of their samples, each once."""
    found = dict.fromkeys(_findings(pairs))
    if not found:
        return Section("Findings", (Paragraph(NO_FINDINGS),))
    columns = (
        Column("severity", "severity"),
        Column("about", "about", wrap=True),
        Column("code", "code"),
        Column("message", "finding", wrap=True),
        Column("hint", "what to do", wrap=True),
    )
    return Section(
        "Findings", (Table("Machine and samples", columns, tuple(_finding_row(*entry) for entry in found)),)
    )


def _findings(pairs: Sequence[PairReport]) -> Iterator[tuple[str, Finding]]:
    for pair in pairs:
        comparison = pair.comparison
        yield from ((pair.label, finding) for finding in comparison.findings)
        for metric in comparison.metrics:
            words = telling_words(metric.workload, (each.workload for each in comparison.metrics))
            yield from ((", ".join((pair.label, *words)), finding) for finding in metric.findings)
    for pair in pairs:
        about = MACHINE if len(pairs) == 1 else f"{MACHINE} during {pair.label}"
        yield from ((about, finding) for finding in pair.environment.findings if finding.severity != "info")


def _finding_row(about: str, finding: Finding) -> Row:
    return (
        text_cell(finding.severity),
        text_cell(about),
        text_cell(finding.code),
        text_cell(finding.message),
        text_cell(finding.hint or ""),
    )


# --- method -----------------------------------------------------------------------------------------------

_METHOD = (
    "Both networks of a pair sit in one worker process and are timed in short segments, in ABBA or BAAB "
    "order drawn at random; a block of four segments gives one ratio, a process the Hodges-Lehmann estimate "
    "of its blocks, and fresh processes the interval. No value is dropped for being slow."
)
_PLAN_COLUMNS = (
    Column("pair", "pair"),
    Column("effort", "effort"),
    Column("processes", "processes", "right"),
    Column("blocks", "blocks", "right", detail="(dropped)"),
    Column("segment_s", "segment (ms)", "right", detail="at least"),
    Column("warmup_steps", "warm-up steps", "right"),
    Column("discard_steps", "discarded", "right", detail="per switch"),
)


def method_section(pairs: Sequence[PairReport], notes: Sequence[str]) -> Section:
    """The protocol in a paragraph, what was asked for and done in a table, the conventions as notes."""
    rows = tuple(
        _plan_row(pair, found, policy)
        for pair in pairs
        for found, policy in zip(pair.distributions, pair.policies, strict=True)
    )
    table = (Table("Measurements", _PLAN_COLUMNS, rows),) if rows else ()
    return Section("How it was measured", (Paragraph(_METHOD), *table), tuple(notes))


def _plan_row(pair: PairReport, found: Distribution, policy: TimingPolicy) -> Row:
    dropped = sum(process.dropped for process in found.processes)
    return (
        text_cell(pair.label),
        text_cell(policy.effort),
        Cell(str(len(found.processes)), len(found.processes)),
        Cell(str(found.blocks), found.blocks, f"({dropped})"),
        Cell(f"{policy.segment_s * 1e3:g}", policy.segment_s),
        Cell(str(policy.warmup_steps), policy.warmup_steps),
        Cell(str(policy.discard_steps), policy.discard_steps),
    )


# --- reproduction -----------------------------------------------------------------------------------------


def reproduction_section(pairs: Sequence[PairReport]) -> Section:
    """The stored commands, ready to be pasted into a shell."""
    commands = dict.fromkeys(shell_line(pair.command) for pair in pairs if pair.command)
    listing = Listing(tuple(commands)) if commands else Paragraph(NO_COMMAND)
    table = Table("Stored results", _RESULT_COLUMNS, tuple(map(_result_row, pairs)))
    return Section("How to reproduce it", (listing, table), (_versions(pairs), SEED_NOTE))


_RESULT_COLUMNS = (
    Column("pair", "pair"),
    Column("seed", "seed", "right"),
    Column("measured_at", "measured at (UTC)"),
    Column("result", "result"),
)


def _result_row(pair: PairReport) -> Row:
    return (
        text_cell(pair.label),
        Cell(str(pair.seed), pair.seed),
        text_cell(pair.created_at),
        text_cell(pair.result),
    )


def shell_line(command: Sequence[str]) -> str:
    """`command` as one line that a shell takes apart into just these words.

    Words that hold control codes or the like are written in ANSI-C quotes (``$'...'``: bash, zsh, ksh).
    """
    return " ".join(
        shlex.quote(word) if word.isprintable() else "$'" + "".join(map(_ansi_c, word)) + "'"
        for word in command
    )


def _ansi_c(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def _versions(pairs: Sequence[PairReport]) -> str:
    used = dict.fromkeys(
        f"sebench {pair.sebench} with torch {pair.environment.versions.get('torch') or 'unknown'}"
        for pair in pairs
    )
    return f"measured by {', '.join(used)}"
