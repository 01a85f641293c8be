"""What gates do on images, as a document, as JSON and as rows of values."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from sebench.analysis.excitation import CONSTANT, ExcitationFound, GateExcitation
from sebench.reporting.contract import document_json, metric_value, plain_value
from sebench.reporting.document import (
    Cell,
    Column,
    Document,
    Listing,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.reporting.records import CellValue, Field, Records
from sebench.reporting.tuning import latency_record, ratio_text, workload_title
from sebench.schema import Excitation, Folded, network_arguments
from sebench.schema.excitation import NEAR_ONE, NEAR_ZERO
from sebench.units import UNKNOWN, number_of

ALL_CLASSES = "(all)"
"""In the CSV, the rows that are over the images of all classes."""
EXCITATION_FIELDS = (
    Field("gate", "text", "path of the gate"),
    Field("class", "text", "folder of the images, or (all)"),
    Field("channel", "integer", "from 0"),
    Field("mean", "number", "of the gate's values"),
    Field("std", "number", "their standard deviation; squares are divided by n"),
    Field("n", "integer", "images"),
)
_COLUMNS = (
    Column("gate", "gate", pinned=True),
    Column("stage", "stage"),
    Column("channels", "channels", "right"),
    Column("n", "n", "right", role="data"),
    Column("mean", "mean", "right"),
    Column("std", "SD", "right"),
    Column("largest_std", "largest SD", "right"),
    Column("saturated_low", "near 0", "right"),
    Column("saturated_high", "near 1", "right"),
    Column("class_share", "class share", "right"),
    Column("correlation", "with norms", "right"),
    Column("foldable", "near-constant", wrap=True, below=True),
)


def excitation_document(found: ExcitationFound) -> Document:
    """What `sebench excite` shows."""
    excitation, gates = found.excitation, found.gates
    spec = excitation.spec
    table = Table(workload_title(excitation.workload), _COLUMNS, tuple(_row(found, gate) for gate in gates))
    return Document(
        title=f"Gates of {spec.model} {spec.variant} on images",
        body=(Paragraph(excitation_answer(found), strong=True), table, *_folding(found)),
        notes=tuple(_notes(found)),
        records=lambda: excitation_records(found),
    )


def excitation_answer(found: ExcitationFound) -> str:
    """How many gates do something, in a sentence; how many images were seen, where not all were."""
    excitation, gates = found.excitation, found.gates
    constant = [gate for gate in gates if gate.is_constant]
    images = number_of(excitation.seen, "image")
    early = f"Interrupted after {images} of {excitation.images}: " if excitation.interrupted else ""
    said = f"{len(constant)} of {number_of(len(gates), 'gate')} near-constant over {images}"
    if constant:
        foldable = sum(gate.is_foldable for gate in gates)
        said = f"{said}, {foldable} of them can be folded into weights"
    return f"{early}{said}"


def excitation_records(found: ExcitationFound) -> Records:
    """One row per gate, class and channel, all channels; and those over all classes."""
    return Records(EXCITATION_FIELDS, tuple(_tidy(found)))


def excitation_json(found: ExcitationFound) -> str:
    """The ``excitation`` document; `sebench.store.read_excitation` reads it again."""
    return document_json("excitation", excitation_value(found))


def excitation_value(found: ExcitationFound) -> dict[str, object]:
    """What it holds behind its kind."""
    excitation = found.excitation
    return {
        "model": excitation.spec.model,
        "variant": excitation.spec.variant,
        "weights": excitation.spec.weights,
        "spec": plain_value(excitation.spec),
        "workload": plain_value(excitation.workload),
        "preprocessing": plain_value(excitation.preprocessing),
        "images": {
            "folder": excitation.folder,
            "found": excitation.images,
            "seen": excitation.seen,
            "unreadable": excitation.unreadable,
            "named_unreadable": plain_value(excitation.named_unreadable),
            "other_files": excitation.other_files,
            "interrupted": excitation.interrupted,
        },
        "constant_below": excitation.constant_below,
        "chance_share": found.chance_share,
        "seed": excitation.seed,
        "gates": [_gate_value(found, gate) for gate in found.gates],
        "adding": list(excitation.adding),
        "folded": None if found.folded is None else _folded_value(found, found.folded),
        "reason": found.not_folded or None,
        "findings": plain_value(found.findings),
    }


def _gate_value(found: ExcitationFound, each: GateExcitation) -> dict[str, object]:
    gate, moments = each.gate, each.moments
    deviations = moments.deviations
    return {
        "path": gate.path,
        "stage": gate.stage,
        "kind": gate.kind,
        "gate": gate.gate,
        "channels": gate.channels,
        "classes": [
            {
                "class": name,
                "n": count,
                # Of no image there is no mean.
                "mean": moments.means[number].tolist() if count else None,
                "std": deviations[number].tolist() if count else None,
            }
            for number, (name, count) in enumerate(
                zip(found.excitation.classes, found.class_counts, strict=True)
            )
        ],
        "all": {
            "n": moments.total,
            "mean": moments.mean.tolist(),
            "std": moments.deviation.tolist(),
        },
        "saturated_low": each.saturated_low,
        "saturated_high": each.saturated_high,
        "class_share": each.class_share,
        "class_share_reason": each.no_class_share or None,
        "correlation": each.correlation,
        "norms_of": gate.maker,
        "norms": list(gate.norms) or None,
        "constant": each.is_constant,
        "foldable": each.is_foldable,
        "fold_into": gate.fold_into,
        "reason": each.no_fold or None,
    }


def _folded_value(found: ExcitationFound, folded: Folded) -> dict[str, object]:
    return {
        "file": folded.file,
        "variant": folded.spec.variant,
        "spec": plain_value(folded.spec),
        "gates": list(folded.gates),
        "images": folded.images,
        "largest_difference": folded.largest,
        "rms_difference": folded.rms,
        "top1_changed": folded.top1_changed,
        **latency_record(found.saving),
        "saving": None if found.saving is None else metric_value(found.saving),
        "not_measured": found.not_measured or None,
        "command": compare_command(folded, found.excitation),
    }


def compare_command(folded: Folded, excitation: Excitation) -> str:
    """The command that measures the network as it was against the folded one; the file fits both."""
    spec, (height, width) = folded.spec, excitation.workload.input_shape[-2:]
    words = ["sebench", "compare", "-m", spec.model, "-v", spec.variant]
    words += ["--baseline", excitation.spec.variant, *network_arguments(spec)]
    words += ["--image-size", str(height) if height == width else f"{height}x{width}"]
    return shlex.join(words)


def _tidy(found: ExcitationFound) -> Iterator[tuple[CellValue, ...]]:
    for gate, moments in zip(found.excitation.gates, found.moments, strict=True):
        deviations, mean, deviation = moments.deviations, moments.mean, moments.deviation
        for number, name in enumerate(found.excitation.classes):
            count = int(moments.counts[number])
            for channel in range(gate.channels if count else 0):
                values = float(moments.means[number, channel]), float(deviations[number, channel])
                yield (gate.path, name, channel, *values, count)
        for channel in range(gate.channels):
            values = float(mean[channel]), float(deviation[channel])
            yield (gate.path, ALL_CLASSES, channel, *values, moments.total)


def _row(found: ExcitationFound, each: GateExcitation) -> Row:
    gate = each.gate
    return (
        text_cell(gate.path),
        text_cell(gate.stage),
        Cell(str(gate.channels), gate.channels),
        Cell(str(each.moments.total), each.moments.total),
        Cell(f"{each.mean:.3f}", each.mean),
        Cell(f"{each.deviation:.2g}", each.deviation),
        Cell(f"{each.largest_deviation:.2g}", each.largest_deviation),
        _share(each.saturated_low),
        _share(each.saturated_high),
        _share(each.class_share),
        Cell(UNKNOWN) if each.correlation is None else Cell(f"{each.correlation:+.2f}", each.correlation),
        text_cell(_about_folding(each)),
    )


def _share(value: float | None) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(f"{100 * value:.1f} %", value)


def _about_folding(each: GateExcitation) -> str:
    if not each.is_constant:
        return ""
    where = f"no fold: {each.no_fold}" if each.no_fold else f"folds into {each.gate.fold_into}"
    return f"does nothing, {where}"


def _folding(found: ExcitationFound) -> Iterator[Paragraph | Section]:
    folded = found.folded
    if folded is None:
        if found.not_folded:
            yield Paragraph(f"Nothing was folded: {found.not_folded}")
        return
    changed = (
        "" if folded.top1_changed is None else f"; top-1 changed in {folded.top1_changed} of {folded.images}"
    )
    lines = (
        Paragraph(
            f"{number_of(len(folded.gates), 'gate')} folded into the weights in {folded.file}: outputs differ"
            f" by at most {folded.largest:.2g} and by {folded.rms:.2g} RMS, relative to the largest output"
            f" ({number_of(folded.images, 'image')}){changed}."
        ),
        Paragraph(_saving_text(found)),
        Listing((compare_command(folded, found.excitation),)),
    )
    yield Section(f"Folded: {folded.spec.variant}", lines)


def _saving_text(found: ExcitationFound) -> str:
    if found.saving is None:
        return f"The saving was not measured{f': {found.not_measured}' if found.not_measured else ''}."
    grade = f", grade {found.saving.grade}" if found.saving.grade else ""
    return (
        f"Latency of one image, folded over as it was: {ratio_text(found.saving.ratio)}{grade}."
        " To measure it again, or longer:"
    )


def unreadable_text(excitation: Excitation) -> str:
    """How many images were left out, and the first of them with the reason."""
    named = "; ".join(f"{bad.path}: {bad.reason}" for bad in excitation.named_unreadable[:3])
    more = ", and others" if excitation.unreadable > 3 else ""
    return f"{number_of(excitation.unreadable, 'image')} ({named}{more})"


def _notes(found: ExcitationFound) -> Iterator[str]:
    excitation = found.excitation
    counts = [count for count in found.class_counts if count]
    per_class = f"{min(counts)} to {max(counts)}" if min(counts) != max(counts) else str(counts[0])
    yield (
        f"{number_of(excitation.seen, 'image')} of {len(counts)} class{'es' if len(counts) > 1 else ''}"
        f" ({per_class} each) in {excitation.folder}; {_preprocessing_text(excitation)}."
    )
    if excitation.spec.weights is None:
        yield "The weights are random: the gates are those of no trained network. Name a file: --weights."
    if excitation.unreadable:
        yield f"Left out, as it cannot be read: {unreadable_text(excitation)}."
    yield (
        "mean, SD: of a gate's values over images; SD is the mean over channels, largest SD that of the"
        " channel that varies most. near 0, near 1: channels whose mean is below"
        f" {NEAR_ZERO:g}, above {NEAR_ONE:g}."
    )
    yield _share_note(found)
    if found.chance_share is not None and any(gate.no_class_share for gate in found.gates):
        yield f"class share {UNKNOWN}: the gate's {CONSTANT}."
    yield (
        "with norms: correlation over channels of the mean with the L2 norm of the filter that makes the"
        " channel, times the factor of its batch norm."
    )
    yield (
        f"near-constant, and so does nothing: no channel's SD reaches {excitation.constant_below:g}."
        " Constants can take the gate's place."
    )
    if excitation.adding:
        yield f"Not watched, as they add instead of multiplying: {', '.join(excitation.adding)}."


def _share_note(found: ExcitationFound) -> str:
    if found.chance_share is None:
        return "class share is not known: all images seen are of one class."
    return (
        "class share: variance between classes over total variance, summed over channels; noise alone has"
        f" {100 * found.chance_share:.1f} % on average, (K - 1) / (N - 1)."
    )


def _preprocessing_text(excitation: Excitation) -> str:
    used = excitation.preprocessing
    height, width = used.crop
    resized = used.resize if isinstance(used.resize, int) else "x".join(map(str, used.resize))
    return f"resized to {resized} ({used.interpolation}), cropped to {height}x{width} ({used.source})"
