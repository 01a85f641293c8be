"""What training came to: errors with intervals, the cost of a step, and curves like the paper's Fig. 4."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import msgspec

from sebench.analysis.training import (
    WARM_UP_STEPS,
    Against,
    MeanError,
    SideSummary,
    against_first,
    on_same_images,
    summarise,
    top1_limits,
    top5_limits,
)
from sebench.reporting.chart import Axis, Chart, Panel, Picture, Point, Series
from sebench.reporting.contract import document_json, plain_value
from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.records import Kind, Records
from sebench.reporting.tuning import table_records
from sebench.schema.training import Epoch, Recipe, TrainedSeed, TrainedSide, Training
from sebench.statistics import ConfidenceLimits, RatioEstimate
from sebench.units import number_of, seconds_scale, significant

_COLUMNS = (
    Column("variant", "variant"),
    Column("top1_error", "top-1 error", "right", "95 % interval"),
    Column("top5_error", "top-5 error", "right", "95 % interval"),
    Column("difference", "difference", "right", "95 % interval"),
    Column("step_s", "training step", "right"),
    Column("step_ratio", "step ratio", "right", "95 % interval"),
)
_EPOCH_COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("seed", "integer"),
    ("variant", "text"),
    *((name, "integer" if name == "epoch" else "number") for name in Epoch.__struct_fields__),
)


def training_document(training: Training) -> Document:
    """What `sebench train` shows."""
    first = training.runs[0]
    return Document(
        title=f"Training of {training.job.specs[0].model}",
        body=(
            Paragraph(training_answer(training), strong=True),
            Table(_title(training), _COLUMNS, tuple(_rows(training))),
        ),
        notes=tuple(_notes(training, first)),
        records=lambda: training_records(training),
    )


def training_answer(training: Training) -> str:
    """How the errors compare, in a sentence."""
    summaries, others = summarise(training), against_first(training)
    if not others:
        (only,) = summaries
        return f"{only.variant} ends with {_percent(only.top1_error)} top-1 error"
    return "; ".join(
        _answer(summaries[0], summary, found) for summary, found in zip(summaries[1:], others, strict=True)
    )


def _answer(baseline: SideSummary, candidate: SideSummary, found: Against) -> str:
    errors = f"{_share(candidate.top1_error.estimate)} top-1 error of {candidate.variant} against "
    errors += f"{_share(baseline.top1_error.estimate)} of {baseline.variant}"
    low, high = found.difference.ci_low, found.difference.ci_high
    if low is None or high is None:
        return f"{errors}, from one seed: no interval (--seeds)"
    shown = f"[{low * 100:+.2f}, {high * 100:+.2f}] points over {number_of(found.difference.seeds, 'seed')}"
    if low <= 0 <= high:
        return f"{errors}: not shown to differ, {shown}"
    return f"{errors}: {'fewer' if high < 0 else 'more'} errors, {shown}"


def _rows(training: Training) -> Iterator[Row]:
    by_variant = {found.candidate: found for found in against_first(training)}
    has_top5 = len(training.runs[0].data.classes) > 5
    for summary in summarise(training):
        found = by_variant.get(summary.variant)
        yield (
            text_cell(summary.variant),
            _error_cell(summary.top1_error),
            _error_cell(summary.top5_error) if has_top5 else Cell("-"),
            Cell("") if found is None else _difference_cell(found.difference),
            _time_cell(summary.step_s),
            Cell("") if found is None else _ratio_cell(found.step_ratio),
        )


def _error_cell(error: MeanError) -> Cell:
    detail = (
        ""
        if error.ci_low is None or error.ci_high is None
        else (f"[{max(error.ci_low, 0.0) * 100:.2f}, {min(error.ci_high, 1.0) * 100:.2f}]")
    )
    return Cell(_share(error.estimate), error.estimate, detail)


def _difference_cell(error: MeanError) -> Cell:
    detail = (
        ""
        if error.ci_low is None or error.ci_high is None
        else (f"[{error.ci_low * 100:+.2f}, {error.ci_high * 100:+.2f}]")
    )
    return Cell(f"{error.estimate * 100:+.2f} points", error.estimate, detail)


def _time_cell(value_s: float | None) -> Cell:
    if value_s is None:
        return Cell("-")
    scale = seconds_scale(value_s)
    return Cell(f"{significant(value_s / scale.factor, 4)} {scale.unit}", value_s)


def _ratio_cell(ratio: RatioEstimate) -> Cell:
    if ratio.ratio is None:
        return Cell("-")
    detail = (
        "" if ratio.ci_low is None or ratio.ci_high is None else f"[{ratio.ci_low:.3f}, {ratio.ci_high:.3f}]"
    )
    return Cell(f"{ratio.ratio:.3f}", ratio.ratio, detail)


def _percent(error: MeanError) -> str:
    if error.ci_low is None or error.ci_high is None:
        return _share(error.estimate)
    return (
        f"{_share(error.estimate)} [{max(error.ci_low, 0.0) * 100:.2f}, {min(error.ci_high, 1.0) * 100:.2f}]"
    )


def _share(value: float) -> str:
    return f"{value * 100:.2f} %"


def _title(training: Training) -> str:
    data, seeds = training.runs[0].data, number_of(len(training.runs), "seed")
    images = f"{data.train} training and {data.test} test images"
    return f"{data.name}: {images}, {len(data.classes)} classes, {seeds}"


def _notes(training: Training, first: TrainedSeed) -> Iterator[str]:
    yield f"recipe: {recipe_words(first.recipe)}"
    yield f"split: {first.data.split}; errors are those of the last epoch"
    if training.unreadable:
        left_out = number_of(len(training.unreadable), "image")
        yield f"left out, as they cannot be read: {left_out}; errors are over the other test images"
    if len(training.runs) > 1:
        yield "intervals: Student's t over seeds; the difference is taken seed by seed"
    if len(first.data.classes) <= 5:
        yield "no top-5 error: of 5 classes or fewer, every answer is among the first 5"
    if any(summary.step_s is None for summary in summarise(training)):
        yield (
            f"no times: the first {WARM_UP_STEPS} steps, and those before a run was resumed, do not count,"
            " and no others were made"
        )
    yield "shared weights start equal; all variants see the same batches in the same order"
    yield f"files: {training.folder}"


def recipe_words(recipe: Recipe) -> str:
    """A recipe in a line."""
    height, width = recipe.image_size
    falls = ", ".join(str(epoch) for epoch in recipe.milestones if epoch < recipe.epochs)
    divided = f" divided by 10 after epochs {falls}" if falls else ", not divided in so few epochs"
    words = (
        f"{number_of(recipe.epochs, 'epoch')} of SGD",
        f"batch {recipe.batch_size}",
        f"learning rate {recipe.learning_rate:g}{divided}",
        f"momentum {recipe.momentum:g}",
        f"weight decay {recipe.weight_decay:g}",
        f"{height}x{width}",
        "random-size crops" if recipe.crop == "scale" else "shifts by up to 4 pixels",
        *(("mirrored",) if recipe.flip else ()),
        *(("balanced classes",) if recipe.balanced else ()),
        *((recipe.dtype,) if recipe.dtype != "float32" else ()),
        *((f"moving average {recipe.ema:g}",) if recipe.ema is not None else ()),
    )
    return ", ".join(words)


def training_records(training: Training) -> Records:
    """One row per seed, variant and epoch: the rows of the CSV."""
    columns = tuple(Column(name, name) for name, _ in _EPOCH_COLUMNS)
    rows = [
        tuple(Cell("", value) for value in (run.seed, side.spec.variant, *msgspec.structs.astuple(epoch)))
        for run in training.runs
        for side in run.sides
        for epoch in side.epochs
    ]
    return table_records(columns, rows, dict(_EPOCH_COLUMNS))


# --- JSON -----------------------------------------------------------------------------------------------


def training_json(training: Training) -> str:
    """The ``training`` document."""
    first, job = training.runs[0], training.job
    content = {
        "model": job.specs[0].model,
        "variants": [spec.variant for spec in job.specs],
        "data": plain_value(first.data)
        | {
            "fingerprint": None if len(training.runs) > 1 else first.data.fingerprint,
            "unreadable": plain_value(training.unreadable),
        },
        "recipe": plain_value(first.recipe),
        "device": job.device,
        "threads": job.threads,
        "folder": training.folder,
        "runs": [_run(run) for run in training.runs],
        "summary": [plain_value(_summary(each)) for each in summarise(training)],
        "against": [plain_value(_against(each)) for each in against_first(training)],
        "findings": plain_value(training.findings),
    }
    return document_json("training", content)


def _run(run: TrainedSeed) -> dict[str, object]:
    return {
        "seed": run.seed,
        "fingerprint": run.data.fingerprint,
        "runtime": dict(run.runtime),
        "sides": [_side(side, run.seed) for side in run.sides],
        "pairs": [_pair(run.sides[0], candidate) for candidate in run.sides[1:]],
    }


def _pair(baseline: TrainedSide, candidate: TrainedSide) -> dict[str, object]:
    same = on_same_images(baseline, candidate)
    return {
        "baseline": baseline.spec.variant,
        "candidate": candidate.spec.variant,
        "baseline_only": same.baseline_only,
        "candidate_only": same.candidate_only,
        "top1_difference": _limits((candidate.top1 - baseline.top1) / len(baseline.ranks), same.difference),
        "mcnemar_p": same.p_value,
    }


def _limits(estimate: float, limits: ConfidenceLimits) -> dict[str, object]:
    return {"estimate": estimate, "ci_low": limits.low, "ci_high": limits.high, "confidence": limits.coverage}


def _side(side: TrainedSide, seed: int) -> dict[str, object]:
    return {
        "variant": side.spec.variant,
        "weights": f"seed-{seed}/{side.weights}",
        "n": len(side.ranks),
        "top1": _limits(side.top1 / len(side.ranks), top1_limits(side)),
        "top5": _limits(side.top5 / len(side.ranks), top5_limits(side)),
        "epochs": [plain_value(epoch) for epoch in side.epochs],
    }


def _summary(summary: SideSummary) -> dict[str, object]:
    return {
        "variant": summary.variant,
        "top1_error": _error(summary.top1_error),
        "top5_error": _error(summary.top5_error),
        "step_s": summary.step_s,
    }


def _against(found: Against) -> dict[str, object]:
    ratio = found.step_ratio
    return {
        "baseline": found.baseline,
        "candidate": found.candidate,
        "top1_error_difference": _error(found.difference),
        "step_ratio": {
            "estimate": ratio.ratio,
            "ci_low": ratio.ci_low,
            "ci_high": ratio.ci_high,
            "confidence": ratio.confidence,
            "method": ratio.method,
            "scope": ratio.scope,
            "processes": ratio.processes,
            "blocks": ratio.blocks,
            "reason": ratio.reason,
        },
    }


def _error(error: MeanError) -> dict[str, object]:
    return {
        "estimate": error.estimate,
        "ci_low": error.ci_low,
        "ci_high": error.ci_high,
        "confidence": error.confidence,
        "seeds": error.seeds,
    }


# --- picture --------------------------------------------------------------------------------------------


def training_picture(training: Training) -> Picture:
    """Top-1 error by epoch, mean over seeds: training and test of every variant, as in the paper's Fig. 4."""
    variants = [spec.variant for spec in training.job.specs]
    series = [
        Series(
            f"{variant}, {name}",
            "line" if name == "test" else "dot",
            tuple(_points(training, place, key, f"{variant}, {name}")),
            place,
        )
        for place, variant in enumerate(variants)
        for key, name in (("train_top1_error", "training"), ("top1_error", "test"))
    ]
    chart = Chart(x=Axis("epoch"), y=Axis("top-1 error (%)", from_zero=True), series=tuple(series))
    run = training.runs[0]
    return Picture(
        f"Training of {training.job.specs[0].model} on {run.data.name}",
        f"mean of {number_of(len(training.runs), 'seed')}; {recipe_words(run.recipe)}",
        (Panel("", chart),),
        notes=("Lines: test images after each epoch. Dots: augmented training images during it.",),
    )


def _points(training: Training, place: int, key: str, name: str) -> Iterator[Point]:
    epochs = zip(*(run.sides[place].epochs for run in training.runs), strict=True)
    for number, same in enumerate(epochs, start=1):
        value = fmean(getattr(epoch, key) for epoch in same) * 100
        yield Point(number, value, f"{name}, epoch {number}: {value:.2f} %")
