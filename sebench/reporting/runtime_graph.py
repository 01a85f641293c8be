"""Graphs of runtimes, compared: as a document and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sebench.reporting.answers import attention_name, place_text
from sebench.reporting.contract import document_json
from sebench.reporting.document import (
    Cell,
    Column,
    Content,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.reporting.environment import environment_lines
from sebench.schema import Environment, GraphComparison, GraphPart, Interval, LostFusion, NodeKind
from sebench.units import UNKNOWN

_MS = 1e3
_TIMES = ("once", "twice")
NOTES = (
    "squeeze, excite, scale: nodes of gates, found by data flow. reorder: changes of layout. fusion: nodes "
    "that were part of a layer's node in the other network, and these layers' own time. layer, other: nodes "
    "that both networks have, with weights and without",
)
_TIME_NOTE = (
    "times: medians of the runtime's own profile, in sessions of their own. unexplained: the measured "
    "difference less that of all nodes; a profiler that slows the step down makes it negative"
)


def graph_document(
    found: Sequence[GraphComparison],
    environment: Environment | None = None,
    *,
    measured_at: str | None = None,
) -> Document:
    """What ``sebench count --graph`` shows, and ``sebench profile`` with a runtime that has graphs."""
    title = _title(found[0]) if len(found) == 1 else f"Graphs of {len(found)} pairs"
    body = tuple(content for each in found for content in _content(each, alone=len(found) == 1))
    timed = (_TIME_NOTE,) if any(each.profiled_step_s for each in found) else ()
    findings = tuple(f"{f.code}: {f.message}" for each in found for f in each.findings)
    machine = () if environment is None else environment_lines(environment, measured_at)
    return Document(title, body, (*NOTES, *timed, *findings, *machine))


def graph_json(found: Sequence[GraphComparison], environment: Environment | None = None) -> str:
    """The ``runtime_graph`` document."""
    known = {} if environment is None else {"environment": msgspec.to_builtins(environment)}
    return document_json("runtime_graph", {"graphs": [_entry(each) for each in found], **known})


def _entry(found: GraphComparison) -> dict[str, Any]:
    return {
        "model": found.pair.candidate.model,
        "variant": found.pair.candidate.variant,
        "baseline": found.pair.baseline.variant,
        "workload": msgspec.to_builtins(found.workload),
        "baseline_nodes": found.baseline_nodes,
        "candidate_nodes": found.candidate_nodes,
        "parts": [{**msgspec.to_builtins(part), "difference_s": part.difference_s} for part in found.parts],
        "fusions": msgspec.to_builtins(found.fusions),
        "kinds": msgspec.to_builtins(found.kinds),
        "gates": msgspec.to_builtins(found.gates),
        "step_s": found.step_s,
        "profiled_step_s": found.profiled_step_s,
        "inflation_ratio": found.inflation_ratio,
        "explained_s": found.explained_s,
        "unexplained_s": found.unexplained_s,
        "measured_difference_s": msgspec.to_builtins(found.measured_difference),
        "measured_ratio": msgspec.to_builtins(found.measured_ratio),
        "blocks": found.blocks,
        "reason": _reason(found),
        "findings": msgspec.to_builtins(found.findings),
    }


def _reason(found: GraphComparison) -> str | None:
    """Why there are no times."""
    if found.step_s is None:
        return "only the structure was read"
    return None if found.profiled_step_s else f"{found.workload.runtime} gives no times by node"


def _title(found: GraphComparison) -> str:
    return (
        f"{found.pair.candidate.model} {found.pair.candidate.variant} in {found.workload.runtime}: its graph"
    )


def _content(found: GraphComparison, *, alone: bool) -> tuple[Content, ...]:
    body = (
        Paragraph(_answer(found), strong=True),
        _part_table(found),
        *(Paragraph(_sentence(each)) for each in found.fusions),
        _kind_table(found),
        *((Paragraph(_reconciled(found)),) if found.step_s else ()),
    )
    return body if alone else (Section(_title(found), body),)


def _answer(found: GraphComparison) -> str:
    name = attention_name(found.pair.candidate.variant)
    subject = f"{name[:1].upper()}{name[1:]} in {found.pair.candidate.model}"
    nodes = (
        f"{subject}: {found.workload.runtime} runs {found.candidate_nodes} nodes instead of"
        f" {found.baseline_nodes}"
    )
    if found.measured_difference is None:
        return nodes
    place = place_text(found.workload)
    took = (
        f"a step takes {_interval(found.measured_difference)} ms more, ratio {_ratio(found.measured_ratio)}"
    )
    return f"{nodes}; {place} {took}"


def _part_table(found: GraphComparison) -> Table:
    timed = found.profiled_step_s is not None
    columns = (
        Column("part", "part"),
        Column("baseline_nodes", f"{found.pair.baseline.variant} nodes", "right"),
        Column("candidate_nodes", f"{found.pair.candidate.variant} nodes", "right"),
        Column("difference", "more", "right"),
        *_time_columns(found, timed=timed),
    )
    rows = [_part_row(part, timed=timed) for part in found.parts if _says_something(part)]
    total = GraphPart(
        part="other",
        baseline_nodes=found.baseline_nodes,
        candidate_nodes=found.candidate_nodes,
        baseline_s=_total(part.baseline_s for part in found.parts),
        candidate_s=_total(part.candidate_s for part in found.parts),
    )
    rows.append((text_cell("all nodes"), *_part_row(total, timed=timed)[1:]))
    if timed:
        rows.append(_rest_row("measured", found.step_s, _estimate(found.measured_difference)))
        rows.append(_rest_row("unexplained", None, found.unexplained_s))
    return Table("By part", columns, tuple(rows))


def _says_something(part: GraphPart) -> bool:
    return any((part.baseline_nodes, part.candidate_nodes, part.baseline_s, part.candidate_s))


def _time_columns(found: GraphComparison, *, timed: bool) -> tuple[Column, ...]:
    if not timed:
        return ()
    return (
        Column("baseline_s", f"{found.pair.baseline.variant} (ms)", "right"),
        Column("candidate_s", f"{found.pair.candidate.variant} (ms)", "right"),
        Column("difference_s", "more (ms)", "right"),
    )


def _part_row(part: GraphPart, *, timed: bool) -> Row:
    more = part.candidate_nodes - part.baseline_nodes
    counts = (
        text_cell(part.part),
        Cell(str(part.baseline_nodes), part.baseline_nodes),
        Cell(str(part.candidate_nodes), part.candidate_nodes),
        Cell(f"{more:+d}" if more else "0", more),
    )
    return (
        (*counts, *map(_time, (part.baseline_s, part.candidate_s)), _more(part.difference_s))
        if timed
        else counts
    )


def _rest_row(name: str, step_s: tuple[float, float] | None, difference_s: float | None) -> Row:
    sides = step_s or (None, None)
    blank = Cell("")
    own = (Cell("") if each is None else _time(each) for each in sides)
    return (text_cell(name), blank, blank, blank, *own, _more(difference_s))


def _kind_table(found: GraphComparison) -> Table:
    timed = found.profiled_step_s is not None
    columns = (
        Column("part", "part"),
        Column("ops", "node"),
        Column("baseline_nodes", f"{found.pair.baseline.variant} nodes", "right"),
        Column("candidate_nodes", f"{found.pair.candidate.variant} nodes", "right"),
        *_time_columns(found, timed=timed),
    )
    return Table("By kind of node", columns, tuple(_kind_row(kind, timed=timed) for kind in found.kinds))


def _kind_row(kind: NodeKind, *, timed: bool) -> Row:
    counts = (
        text_cell(kind.part),
        text_cell(_name(kind)),
        Cell(str(kind.baseline_nodes), kind.baseline_nodes),
        Cell(str(kind.candidate_nodes), kind.candidate_nodes),
    )
    if not timed:
        return counts
    difference = (kind.candidate_s or 0) - (kind.baseline_s or 0)
    return (*counts, _time(kind.baseline_s), _time(kind.candidate_s), _more(difference))


def _name(kind: NodeKind) -> str:
    """As the runtime calls it, and what it does where that is not the same."""
    own, ops = kind.op.rpartition(":")[2], " + ".join(kind.ops)
    return own if own == ops else f"{own} ({ops})"


def _sentence(fusion: LostFusion) -> str:
    times = _TIMES[fusion.times - 1] if fusion.times <= len(_TIMES) else f"{fusion.times} times"
    now = ", ".join(" + ".join(ops) for ops in fusion.now)
    count = len(fusion.now)
    what = f"is {count} ({now})" if count > 1 else f"is {now} alone"
    return f"Fusion lost: {' + '.join(fusion.was)} was one node, {what}: {times}"


def _reconciled(found: GraphComparison) -> str:
    measured = f"measured {_interval(found.measured_difference)} ms in {found.blocks} paired blocks"
    if found.explained_s is None or found.unexplained_s is None or found.inflation_ratio is None:
        return f"{found.workload.runtime} gives no times by node; {measured}"
    return (
        f"Nodes explain {found.explained_s * _MS:+.2f} ms of the difference; {measured};"
        f" {found.unexplained_s * _MS:+.2f} ms are unexplained. With the runtime's profiler a step took"
        f" {found.inflation_ratio:.2f} times as long as without it."
    )


def _total(values: Any) -> float | None:  # noqa: ANN401 - an iterable of numbers or None
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _estimate(interval: Interval | None) -> float | None:
    return None if interval is None else interval.estimate


def _time(seconds: float | None) -> Cell:
    return Cell(UNKNOWN) if seconds is None else Cell(f"{seconds * _MS:.3f}", seconds)


def _more(seconds: float | None) -> Cell:
    return Cell(UNKNOWN) if seconds is None else Cell(f"{seconds * _MS:+.3f}", seconds)


def _interval(interval: Interval | None) -> str:
    if interval is None or interval.estimate is None:
        return "an unknown number of"
    text = f"{interval.estimate * _MS:+.2f}"
    if interval.ci_low is None or interval.ci_high is None:
        return text
    return f"{text} [{interval.ci_low * _MS:.2f}, {interval.ci_high * _MS:.2f}]"


def _ratio(interval: Interval | None) -> str:
    if interval is None or interval.estimate is None:
        return UNKNOWN
    if interval.ci_low is None or interval.ci_high is None:
        return f"{interval.estimate:.3f}"
    return f"{interval.estimate:.3f} [{interval.ci_low:.3f}, {interval.ci_high:.3f}] (95 %, one process)"
