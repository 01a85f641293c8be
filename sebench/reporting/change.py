"""Old results against new ones as a document and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import (
    change_records,
    columns,
    difference_text,
    missing_columns,
    missing_row,
    pair_name,
    row,
    subject,
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
    Pair,
    Ratio,
    Workload,
    is_printed,
    metric_label,
)

NOTHING = "Nothing to compare: there are no results."
_DAY = 10
_UNKNOWN = "unknown"
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
        records=partial(change_records, changes),
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


# --- answers ---------------------------------------------------------------------------------------------


def answers(change: Change) -> tuple[str, ...]:
    """The sentences for one pair: one per workload that was timed, or one on what was counted."""
    if change.only_in:
        side = "new" if change.only_in == "after" else "old"
        return (f"Only in the {side} results: {subject(change.pair)}",)
    timed = [metric for metric in change.metrics if metric.metric == "latency"]
    if not timed:
        return (_counted(change),)
    return tuple(_timed(change.pair, metric) for metric in timed)


def sizes_text(metric: MetricChange) -> str:
    """Sample sizes, e.g. ``6 and 8 processes``."""
    known = [ratio.processes for ratio in (metric.before, metric.after) if ratio]
    return f"{' and '.join(map(str, known))} process{'' if known == [1] else 'es'}"


def _timed(pair: Pair, metric: MetricChange) -> str:
    workload = metric.workload
    place = workload_text(workload, {workload.input_shape} if workload else ())
    start = f"{metric.verdict.capitalize()}: {subject(pair)}, {place}"
    if metric.verdict == "not comparable":
        return f"{start}: {_why(metric)}"
    evidence = (
        _change_text(metric.overhead),
        sizes_text(metric),
        f"grade {metric.grade}",
        *((metric.reason,) if metric.reason else ()),
    )
    overhead = f"overhead {_plain(metric.before)} before, {_plain(metric.after)} after"
    return f"{start}: {overhead}; {', '.join(evidence)}"


def _why(metric: MetricChange) -> str:
    text = difference_text(metric.differences)
    return ": ".join(part for part in (metric.reason or "no reason was given", text) if part)


def _change_text(ratio: Ratio) -> str:
    estimate, interval = ratio_text(ratio)
    if not interval:
        return f"change x{estimate}"
    return f"change x{estimate} {interval}, {confidence_text(ratio.confidence)}"


def _plain(ratio: Ratio | None) -> str:
    return " ".join(part for part in ratio_text(ratio) if part) if ratio else _UNKNOWN


def _counted(change: Change) -> str:
    by_verdict: dict[str, list[str]] = {}
    for metric in change.metrics:
        if not is_printed(metric.metric, metric.workload):
            continue
        by_verdict.setdefault(metric.verdict, []).append(metric_label(metric.metric))
    return f"{subject(change.pair)}: {_listed(by_verdict.items())}; no time was compared"


def _listed(groups: Iterable[tuple[str, list[str]]]) -> str:
    return "; ".join(f"{', '.join(names)} {verdict}" for verdict, names in groups) or "nothing is known"
