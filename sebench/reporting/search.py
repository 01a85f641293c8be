"""What a search for a variant found, as a document: the best within the limits, and all the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from sebench.analysis.tuning import preferred
from sebench.paper.accuracy import QuotedAccuracy, quoted_accuracy
from sebench.reporting.contract import document_json
from sebench.reporting.document import EMPTY, Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.records import Kind, Records
from sebench.reporting.tuning import (
    asked_record,
    filled_columns,
    has_interval,
    holds,
    latency_record,
    ratio_text,
    table_records,
    workload_title,
)
from sebench.schema import EXACT_METRICS, ExactCost, Fate, Search, SearchCandidate
from sebench.units import format_duration, format_ratio

_PLACES: tuple[Fate, ...] = ("finalist", "left", "listed", "over", "same", "failed")
"""In which candidates are shown."""
_COLUMNS = (
    Column("variant", "variant", pinned=True),
    Column("sites", "sites", "right"),
    Column("params", "params", "right"),
    Column("macs", "MACs", "right"),
    Column("bytes", "bytes", "right"),
    Column("ratio", "latency", "right"),
    Column("ci_low", "ci_low", role="data"),
    Column("ci_high", "ci_high", role="data"),
    Column("grade", "grade"),
    Column("pareto", "Pareto"),
    Column("quoted_top1", "top-1 / top-5 error", "right", detail="quoted"),
    Column("quoted_top5", "quoted_top5", role="data"),
    Column("fate", "fate", role="data"),
    Column("about", "about", wrap=True),
)
_KINDS: Mapping[str, Kind] = {
    "sites": "integer",
    **dict.fromkeys(
        ("params", "macs", "bytes", "ratio", "ci_low", "ci_high", "quoted_top1", "quoted_top5"),
        "number",
    ),
}


def search_document(search: Search, *, dry_run: bool = False) -> Document:
    """What `sebench tune --max-overhead` shows.

    Args:
        search: what was found.
        dry_run: whether nothing was to be measured.
    """
    rows = _rows(search)
    table = Table(workload_title(search.workload), filled_columns(_COLUMNS, rows), tuple(rows))
    return Document(
        title=f"Variants of {search.spec.model} within {_limits(search)}",
        body=(
            Paragraph(search_answer(search, dry_run=dry_run), strong=True),
            table,
        ),
        notes=tuple(_notes(search)),
    )


def search_records(search: Search) -> Records:
    """The rows of the CSV."""
    return table_records(_COLUMNS, _rows(search), _KINDS)


def search_answer(search: Search, *, dry_run: bool = False) -> str:
    """Which variant it is, in a sentence or two."""
    counts = {fate: sum(each.fate == fate for each in search.candidates) for fate in _PLACES}
    within = len(search.candidates) - sum(counts[fate] for fate in ("over", "same", "failed"))
    if dry_run:
        takes = f"; measuring takes about {format_duration(search.planned_s)}" if within else ""
        exact = [str(each) for each in search.limits if each.metric != "latency"]
        verb = "is" if within == 1 else "are"
        what = f"{verb} within {' and '.join(exact)}" if exact else "to measure"
        return f"{within} of {len(search.candidates)} variants {what}{takes}"
    if search.winner is None:
        return _nothing(search, within)
    latency = next((each for each in search.limits if each.metric == "latency"), None)
    told = search.confirmed or next(
        each.latency for each in search.candidates if each.variant == search.winner
    )
    ratio = "-" if told is None else ratio_text(told.ratio)
    again = ", measured again in fresh processes" if search.confirmed is not None else ""
    failed = f" It could not be measured again: {search.confirming}." if search.confirming else ""
    why = "the limit lies inside the interval"
    if told is None or not has_interval(told.ratio):
        why = "there is no interval"
    elif search.confirming and latency and not holds(told.ratio, latency.ratio):
        why = "it was not measured again"
    judged = {
        "met": f": {latency} is met",
        "not met": f": {latency} is not met",
        "undecided": f": {latency} is undecided, as {why}",
        None: "",
    }[search.verdict]
    exact = [
        f"{each.metric} {_exact_ratio(search, each.metric)}" for each in search.limits if each != latency
    ]
    costs = f" ({', '.join(exact)})" if exact else ""
    return f"{search.winner}{costs}: latency ratio {ratio}{again}{judged}.{failed}"


def search_json(search: Search) -> str:
    """The ``tuning`` document of a search."""
    content = {
        **asked_record("search", search.spec, search.workload),
        "limits": msgspec.to_builtins(search.limits),
        "prefer": search.prefer,
        "planned": msgspec.to_builtins(search.planned),
        "planned_s": search.planned_s,
        "confidence": search.confidence,
        "plain": msgspec.to_builtins(search.plain),
        "candidates": [_record(search, each) for each in _in_order(search)],
        "pareto": list(search.pareto),
        "winner": search.winner,
        "confirmed": None if search.confirmed is None else latency_record(search.confirmed),
        "confirming": search.confirming or None,
        "verdict": search.verdict,
    }
    return document_json("tuning", content)


def _nothing(search: Search, within: int) -> str:
    if not within:
        over = [each for each in search.candidates if each.fate == "over"]
        nearest = min(over, key=lambda each: _excess(search, each))
        return f"No variant is within {_limits(search)}; the nearest is {nearest.variant}: {nearest.reason}"
    measured = [each for each in search.candidates if each.latency is not None]
    if not measured:
        return f"None of {within} variants could be measured: {search.candidates[0].reason}"
    nearest = min(measured, key=lambda each: each.ratio or 0.0)
    shown = "-" if nearest.latency is None else ratio_text(nearest.latency.ratio)
    return f"No variant is within {_limits(search)}; the nearest is {nearest.variant}: latency ratio {shown}"


def _excess(search: Search, candidate: SearchCandidate) -> float:
    """By how much a candidate breaks the exact limit that it breaks most."""
    exact = [limit for limit in search.limits if limit.metric in EXACT_METRICS]
    cost = candidate.cost
    if cost is None:
        return float("inf")
    return max(cost.ratio(limit.metric, search.plain) / limit.ratio for limit in exact)


def _limits(search: Search) -> str:
    return " and ".join(map(str, search.limits))


def _in_order(search: Search) -> list[SearchCandidate]:
    """The best comes first, then what was measured last; of those alike what is preferred, or cheapest."""
    ordered = preferred(search.candidates, search.prefer)
    is_measured = any(each.latency is not None for each in search.candidates)
    listed = ordered if is_measured else list(search.candidates)
    return sorted(
        listed, key=lambda each: (each.variant != search.winner, _PLACES.index(each.fate), -each.rounds)
    )


def _exact_ratio(search: Search, metric: str) -> str:
    cost = next((each.cost for each in search.candidates if each.variant == search.winner), None)
    return "-" if cost is None else format_ratio(cost.ratio(metric, search.plain))


# --- rows -----------------------------------------------------------------------------------------------


def _rows(search: Search) -> list[Row]:
    rows = [_plain_row(search), *(_row(search, each) for each in _in_order(search))]
    if search.confirmed is not None:
        rows.append(_confirmed_row(search))
    return rows


def _row(search: Search, candidate: SearchCandidate) -> Row:
    about = candidate.reason
    if candidate.variant == search.winner:
        about = "the best within the limits"
    elif candidate.fate == "finalist":
        about = _place_of_finalist(search, candidate)
    ratio = None if candidate.latency is None else candidate.latency.ratio
    return (
        text_cell(candidate.variant),
        *_exact_cells(candidate.cost, search.plain),
        EMPTY if ratio is None else Cell(ratio_text(ratio), ratio.estimate),
        Cell("", None if ratio is None else ratio.ci_low),
        Cell("", None if ratio is None else ratio.ci_high),
        text_cell("" if candidate.latency is None else candidate.latency.grade or ""),
        text_cell("yes" if candidate.variant in search.pareto else ""),
        *_quoted_cells(search, candidate.variant),
        text_cell(candidate.fate),
        text_cell(about),
    )


def _place_of_finalist(search: Search, candidate: SearchCandidate) -> str:
    limit = next((each for each in search.limits if each.metric == "latency"), None)
    if limit is None or candidate.latency is None:
        return "measured in the last round"
    if not has_interval(candidate.latency.ratio):
        return "no interval"
    low, high = candidate.latency.ratio.ci_low, candidate.latency.ratio.ci_high
    if high is not None and high <= limit.ratio:
        return f"within {limit}"
    if low is not None and low > limit.ratio:
        return f"above {limit}"
    return f"{limit} lies inside its interval"


def _plain_row(search: Search) -> Row:
    return (
        text_cell(search.spec.variant),
        *_exact_cells(search.plain, search.plain),
        Cell("1" if any(each.latency for each in search.candidates) else "", 1.0),
        EMPTY,
        EMPTY,
        EMPTY,
        EMPTY,
        *_quoted_cells(search, search.spec.variant),
        text_cell("baseline"),
        text_cell("without attention: what all ratios are over"),
    )


def _confirmed_row(search: Search) -> Row:
    candidate = next(each for each in search.candidates if each.variant == search.winner)
    again = _row(search, msgspec.structs.replace(candidate, latency=search.confirmed))
    at = [column.key for column in _COLUMNS].index
    row = list(again)
    row[at("pareto")], row[at("fate")] = EMPTY, text_cell("confirmed")
    row[at("about")] = text_cell("the same again, with another seed: this is the figure to report")
    return tuple(row)


def _exact_cells(cost: ExactCost | None, plain: ExactCost) -> tuple[Cell, ...]:
    if cost is None:
        return (EMPTY,) * 4
    ratios = (cost.ratio(metric, plain) for metric in ("params", "macs", "bytes"))
    return Cell(str(cost.sites), cost.sites), *(Cell(f"{ratio:.4f}", ratio) for ratio in ratios)


def _quoted(search: Search, variant: str) -> QuotedAccuracy | None:
    return quoted_accuracy(search.spec.model, variant) if search.is_published else None


def _quoted_cells(search: Search, variant: str) -> tuple[Cell, Cell]:
    quoted = _quoted(search, variant)
    if quoted is None:
        return EMPTY, EMPTY
    top5 = quoted.top5_error
    text = f"{quoted.top1_error} / {top5 or '-'} %"
    return (
        Cell(text, quoted.top1_error_percent, f"quoted, {quoted.source}"),
        Cell("", None if top5 is None else float(top5)),
    )


def _record(search: Search, candidate: SearchCandidate) -> dict[str, object]:
    cost, quoted = candidate.cost, _quoted(search, candidate.variant)
    ratios = None if cost is None else {each: cost.ratio(each, search.plain) for each in EXACT_METRICS}
    return {
        "variant": candidate.variant,
        "fate": candidate.fate,
        "exact": None if cost is None else msgspec.to_builtins(cost),
        "exact_ratios": ratios,
        **latency_record(candidate.latency),
        "rounds": candidate.rounds,
        "reason": candidate.reason or None,
        "quoted": None if quoted is None else {"quoted": True, **msgspec.to_builtins(quoted)},
    }


def _notes(search: Search) -> Iterator[str]:
    yield (
        "Params, MACs and bytes are exact ratios to the plain network. Latency is measured in pairs with it:"
        " same weights and input, interleaved blocks, fresh processes."
    )
    last = [each for each in search.candidates if each.fate == "finalist"]
    finalists = len(last)
    if finalists > 1 and any(each.latency and has_interval(each.latency.ratio) for each in last):
        yield (
            f"Intervals of the last round hold together with 95 %: each of {finalists} is at"
            f" {100 * search.confidence:.4g} % (Bonferroni). Those of earlier rounds are at 95 % each and"
            " only decided who went on."
        )
    if search.confirmed is not None and finalists > 1:
        yield (
            "The best of several was also lucky: its second measurement, in fresh processes with another"
            " seed, is the one to report."
        )
    yield (
        "Best is attention at most sites, then with most parameters, then what takes least time: sebench"
        " trains nothing. --prefer cost asks for the lowest latency."
        if search.prefer == "attention"
        else "Best is the lowest latency: --prefer attention asks for as much attention as fits."
    )
    if any(_quoted(search, each.variant) for each in search.candidates):
        yield "Errors are quoted from the paper, single crop on ImageNet; sebench did not measure them."
