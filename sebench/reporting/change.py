"""Old results against new ones as a document and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sebench.reporting.change_answers import answers
from sebench.reporting.change_records import change_records
from sebench.reporting.change_rows import (
    columns,
    difference_text,
    missing_columns,
    missing_row,
    pair_name,
    row,
)
from sebench.reporting.comparison import workload_text
from sebench.reporting.contract import document_json
from sebench.reporting.document import Document, Paragraph, Table
from sebench.schema import (
    COMMIT_LENGTH,
    AbsoluteChange,
    Change,
    MetricChange,
    Origin,
    Workload,
    is_printed,
    metric_label,
)

NOTHING = "Nothing to compare: there are no results."
_DAY = 10
METHOD = (
    "change: ratio after / ratio before, each measured interleaved within its own session. Interval: Welch's "
    "t over the Hodges-Lehmann estimates of the processes, on the log scale"
)
SESSIONS = (
    "the interval covers variation between processes of these two sessions, but no state of the machine that "
    "lasts a whole session (docs/history.md)"
)
ABSOLUTE = (
    "candidate, new/old: between sessions, not interleaved: information only, and only on equal set-ups "
    "(fingerprint)"
)


def change_document(changes: Sequence[Change]) -> Document:
    """What became of each pair: a sentence each, a table per workload, and what could not be compared.

    Args:
        changes: from `sebench.analysis.change.changes`.
    """
    sentences = [sentence for change in changes for sentence in answers(change)]
    entries = [(change, metric) for change in changes for metric in change.metrics]
    compared = [entry for entry in entries if entry[1].verdict != "not comparable"]
    printed = [metric for _, metric in compared if _is_printed(metric)]
    missing = [entry for entry in entries if entry[1].verdict == "not comparable" and _is_printed(entry[1])]
    return Document(
        title=f"{_title(changes)}: old results against new ones",
        body=(
            *(Paragraph(sentence, strong=True) for sentence in sentences or (NOTHING,)),
            *_tables(compared),
            *((_missing_table(missing),) if missing else ()),
        ),
        notes=tuple(dict.fromkeys(_notes(changes, printed))),
        records=change_records(changes),
    )


def change_json(changes: Sequence[Change]) -> str:
    """The ``change`` document."""
    return document_json("change", {"changes": [change_value(change) for change in changes]})


def change_value(change: Change) -> dict[str, Any]:
    """One entry of the ``change`` document."""
    plain: dict[str, Any] = msgspec.to_builtins(change)
    return {
        "model": change.pair.model,
        "baseline": change.pair.baseline_name,
        "candidate": change.pair.candidate_name,
        "only_in": change.only_in,
        **plain,
    }


def _is_printed(metric: MetricChange) -> bool:
    return is_printed(metric.metric, metric.workload)


def _title(changes: Sequence[Change]) -> str:
    return pair_name(changes[0].pair) if len(changes) == 1 else f"{len(changes)} pairs"


# --- tables ---------------------------------------------------------------------------------------------

_Entry = tuple[Change, MetricChange]


def _tables(entries: Sequence[_Entry]) -> Iterator[Table]:
    """One per workload; counts per image come last."""
    groups: dict[Workload | None, list[_Entry]] = {}
    for entry in entries:
        groups.setdefault(entry[1].workload, []).append(entry)
    counts = groups.pop(None, [])
    for workload, members in (*groups.items(), *(((None, counts),) if counts else ())):
        sizes = {workload.input_shape} if workload else set()
        alone = len({id(change) for change, _ in members}) == 1
        yield Table(
            title=workload_text(workload, sizes),
            columns=columns(),
            rows=tuple(row(*entry, alone=alone) for entry in members if _is_printed(entry[1])),
        )


def _missing_table(entries: Sequence[_Entry]) -> Table:
    rows = tuple(missing_row(change, metric) for change, metric in entries)
    return Table("Not comparable", missing_columns(), rows)


# --- notes ----------------------------------------------------------------------------------------------


def _notes(changes: Sequence[Change], compared: Sequence[MetricChange]) -> Iterator[str]:
    sampled = [metric for metric in compared if not metric.exact]
    if sampled:
        yield METHOD
        yield SESSIONS
    for metric in sampled:
        if metric.reason:
            yield f"{metric_label(metric.metric)}: {metric.reason}"
    for metric in compared:
        yield from _absolute(metric.candidate)
    for change in changes:
        for side, origins in (("old", change.before), ("new", change.after)):
            yield from (_origin(side, change, found) for found in origins)


def _absolute(candidate: AbsoluteChange) -> Iterator[str]:
    if candidate.differences:
        yield (
            "times of old and new results are not comparable, their fingerprints differ: "
            f"{difference_text(candidate.differences)}"
        )
    elif candidate.ratio.estimate is not None and candidate.ratio.method != "exact":
        yield ABSOLUTE


def _origin(side: str, change: Change, origin: Origin) -> str:
    commit = f"commit {origin.commit[:COMMIT_LENGTH]}" if origin.commit else "no commit"
    parts = (
        origin.created_at[:_DAY],
        commit + (" (changed files)" if origin.dirty else ""),
        f"sebench {origin.sebench}",
        f"torch {origin.torch or 'unknown'}",
    )
    return f"{side}, {pair_name(change.pair)}: {origin.id}, {', '.join(parts)}"
