"""What networks get right on labelled images, as a document, and as the JSON that is read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sebench.reporting.contract import document_json, plain_value
from sebench.reporting.document import EMPTY, Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.environment import environment_lines
from sebench.schema import (
    Accuracy,
    AccuracyComparison,
    NetworkAccuracy,
    NetworkName,
    Preprocessing,
    Share,
    ShareDifference,
)
from sebench.units import number_of, significant

_COLUMNS = (
    Column("network", "network", pinned=True),
    Column("model", "model", role="data"),
    Column("variant", "variant", role="data"),
    Column("weights", "weights", role="data"),
    Column("n", "images", "right"),
    *(
        column
        for top in ("top1", "top5")
        for column in (
            Column(top, f"{top[:3]}-{top[3:]}", "right", detail="interval"),
            Column(f"{top}_correct", f"{top}_correct", role="data"),
            Column(f"{top}_ci_low", f"{top}_ci_low", role="data"),
            Column(f"{top}_ci_high", f"{top}_ci_high", role="data"),
            Column(f"{top}_difference", f"{top[:3]}-{top[3:]} difference", "right", detail="interval"),
            Column(f"{top}_difference_ci_low", f"{top}_difference_ci_low", role="data"),
            Column(f"{top}_difference_ci_high", f"{top}_difference_ci_high", role="data"),
            Column(f"{top}_p_value", f"{top}_p_value", role="data"),
        )
    ),
    Column("preprocessing", "preprocessing", wrap=True),
)


def accuracy_json(accuracy: Accuracy) -> str:
    """The ``accuracy`` document."""
    content = plain_value(accuracy)
    return document_json("accuracy", {key: content[key] for key in content if key not in ("schema", "kind")})


def accuracy_document(accuracy: Accuracy) -> Document:
    """What `sebench evaluate` shows."""
    name = _named(accuracy)
    differences = [None, *accuracy.comparisons]
    rows = tuple(
        _row(name(network), network, difference)
        for network, difference in zip(accuracy.models, differences, strict=True)
    )
    # A column that no network has a figure for says nothing.
    filled = [
        column
        for place, column in enumerate(_COLUMNS)
        if column.role == "data" or any(row[place].text for row in rows)
    ]
    kept = [place for place, column in enumerate(_COLUMNS) if column in filled]
    return Document(
        title=f"Accuracy on {accuracy.images.folder}",
        body=(
            Paragraph(_answer(accuracy), strong=True),
            Table("", tuple(filled), tuple(tuple(row[place] for place in kept) for row in rows)),
        ),
        notes=(*_notes(accuracy), *environment_lines(accuracy.environment, accuracy.measured_at)),
    )


def share_text(share: Share) -> str:
    """E.g. ``76.13 %``; nothing where there is none."""
    return "" if share.estimate is None else f"{100 * share.estimate:.2f} %"


def interval_text(low: float | None, high: float | None, sign: str = "") -> str:
    """Limits in per cent, e.g. ``[75.75, 76.50]``."""
    return "" if low is None or high is None else f"[{100 * low:{sign}.2f}, {100 * high:{sign}.2f}]"


def _named(accuracy: Accuracy) -> Callable[[NetworkAccuracy | NetworkName], str]:
    """What networks are called: ``resnet50 se``, with their weights where that alone tells them apart."""
    names = [(network.model, network.variant) for network in accuracy.models]
    alike = len(set(names)) < len(names)

    def name(network: NetworkAccuracy | NetworkName) -> str:
        weights = f" ({network.weights})" if alike and network.weights else ""
        return f"{network.model} {network.variant}{weights}"

    return name


def _row(name: str, network: NetworkAccuracy, compared: AccuracyComparison | None) -> Row:
    return (
        text_cell(name),
        text_cell(network.model),
        text_cell(network.variant),
        text_cell(network.weights or ""),
        Cell(str(network.n), network.n),
        *_cells(network.top1, None if compared is None else compared.top1),
        *_cells(network.top5, None if compared is None else compared.top5),
        text_cell(preprocessing_words(network.preprocessing)),
    )


def _cells(share: Share, difference: ShareDifference | None) -> Iterator[Cell]:
    yield Cell(share_text(share), share.estimate, interval_text(share.ci_low, share.ci_high))
    yield Cell("", share.correct)
    yield Cell("", share.ci_low)
    yield Cell("", share.ci_high)
    if difference is None or difference.estimate is None:
        yield from (EMPTY, EMPTY, EMPTY, EMPTY)
        return
    interval = interval_text(difference.ci_low, difference.ci_high, "+")
    yield Cell(f"{100 * difference.estimate:+.2f} points", difference.estimate, interval)
    yield Cell("", difference.ci_low)
    yield Cell("", difference.ci_high)
    yield Cell("", difference.p_value)


def preprocessing_words(value: Preprocessing) -> str:
    """E.g. ``256 to 224x224, bilinear (the paper, section 6.1)``."""
    resize = value.resize if isinstance(value.resize, int) else "x".join(map(str, value.resize))
    size = "x".join(map(str, value.crop))
    return f"{resize} to {size}, {value.interpolation}{f' ({value.source})' if value.source else ''}"


def _answer(accuracy: Accuracy) -> str:
    """The first comparison in a sentence, or what the only network gets right."""
    name = _named(accuracy)
    if not accuracy.comparisons:
        network = accuracy.models[0]
        limits = interval_text(network.top1.ci_low, network.top1.ci_high)
        images = number_of(network.n, "image")
        return f"{name(network)} gets {share_text(network.top1)} of {images} right, {limits}"
    first = accuracy.comparisons[0]
    found = first.top1
    if found.estimate is None or found.ci_low is None or found.ci_high is None:
        return f"{name(first.candidate)}: {found.reason}"
    names = f"{name(first.candidate)} and {name(first.baseline)}"
    limits = interval_text(found.ci_low, found.ci_high, "+")
    if found.ci_low <= 0 <= found.ci_high:
        return f"{names} are not shown to differ: {100 * found.estimate:+.2f} points of top-1, {limits}"
    more = "more" if found.estimate > 0 else "less"
    return (
        f"{name(first.candidate)} gets {100 * abs(found.estimate):.2f} points {more} right than"
        f" {name(first.baseline)}, {limits}"
    )


def _notes(accuracy: Accuracy) -> Iterator[str]:
    name = _named(accuracy)
    percent = f"{100 * accuracy.confidence:g} %"
    images = accuracy.images
    drawn = f", drawn with seed {images.seed}" if images.seed is not None else ""
    read = images.asked - len(images.unreadable)
    yield f"{read} of {number_of(images.images, 'image')} in {images.classes} classes{drawn}."
    yield f"Intervals of shares are Wilson's at {percent}."
    for compared in accuracy.comparisons:
        found = compared.top1
        if found.p_value is None:
            continue
        chance = significant(found.p_value, 2)
        yield (
            f"{name(compared.candidate)} against {name(compared.baseline)}, on the same"
            f" {number_of(compared.n, 'image')}: {found.candidate_only} are right for the first alone,"
            f" {found.baseline_only} for the second alone; McNemar's exact p = {chance}."
            f" The interval of the difference is Tango's at {percent}."
        )
    reasons = {share.reason for network in accuracy.models for share in (network.top1, network.top5)}
    yield from (f"No top-5: {reason}." for reason in sorted(filter(None, reasons)))
