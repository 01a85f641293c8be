"""Section 4 of the CVPR paper: what SE-ResNet-50 costs beyond ResNet-50, times included."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sebench.paper.quantities import attention_weights, formula_value, stage_widths
from sebench.paper.tables.sheet import PAPER_MACS, Sheet, own, subject, table
from sebench.paper.tables.values import Entry, PaperTable, TableRow
from sebench.schema import MetricComparison, Value

_SOURCE = "CVPR18 Sec.4"
_REDUCTION = 16


class Measured(Value, frozen=True, kw_only=True):
    """A measured ratio SE/plain, and where it comes from."""

    metric: MetricComparison
    machine: str
    measured_at: str


def section4(sheet: Sheet, *, cpu: Measured | None = None, gpu: Measured | None = None) -> PaperTable:
    """All figures of the section.

    Args:
        sheet: printed figures and counts.
        cpu: single-image inference of ResNet-50, where it has been measured.
        gpu: the training step of a minibatch of 256, likewise.
    """
    return table(
        "section4",
        "Section 4: model and computational complexity of SE-ResNet-50",
        "CVPR 2018, Section 4",
        labels=("quantity",),
        columns={"value": ""},
        rows=(
            *_static(sheet),
            _timed(sheet, "CPU, 1 image", "cpu_infer_ms", cpu),
            _timed(sheet, "GPU training, 256", "gpu_train_ms", gpu),
        ),
        notes=(
            PAPER_MACS,
            "times: SE/plain, because the paper's machines are not this one; its ratios are those of the "
            "printed 164 and 167 ms, 190 and 209 ms",
            *_origin("CPU", cpu, "sebench compare --model resnet50 --device cpu"),
            *_origin("GPU", gpu, "sebench compare --model resnet50 --device cuda --phase training"),
        ),
    )


def _static(sheet: Sheet) -> Sequence[TableRow]:
    def line(label: str, model: str, variant: str, metric: str) -> TableRow:
        return TableRow(labels=(label,), entries=(sheet.entry(_SOURCE, model, variant, metric),))

    cost = sheet.count(subject("resnet50", "se"))
    formula = formula_value(
        sheet.text(_SOURCE, "SE block", "Eq.5", "formula"), stage_widths(cost), _REDUCTION
    )
    weights = Fraction(attention_weights(cost), 10**6)
    equation = own(formula / 10**6, 6) if formula is not None else Entry()
    return (
        line("M params, ResNet-50", "ResNet-50", "plain", "params_m"),
        line("M params added", "SE-ResNet-50", "SE r=16", "params_added_m"),
        TableRow(labels=("Eq. 5, M weights",), entries=(equation,)),
        TableRow(labels=("M weights counted",), entries=(own(weights, 6),)),
        line("% params added", "SE-ResNet-50", "SE r=16", "params_rel_increase_pct"),
        line("% added, not in stage 5", "SE-ResNet-50", "SE without last stage", "params_rel_increase_pct"),
        line("GFLOPs, ResNet-50", "ResNet-50", "plain", "gflops"),
        line("GFLOPs, SE-ResNet-50", "SE-ResNet-50", "SE r=16", "gflops"),
        line("% GFLOPs added", "SE-ResNet-50", "SE r=16", "gflops_rel_increase_pct"),
    )


def _timed(sheet: Sheet, label: str, metric: str, measured: Measured | None) -> TableRow:
    plain = sheet.find(_SOURCE, "ResNet-50", "plain", metric)
    se = sheet.find(_SOURCE, "SE-ResNet-50", "SE r=16", metric)
    published = ""
    if plain and se and plain.number and se.number:
        published = f"{se.number / plain.number:.3f}"
    ratio = measured.metric.ratio if measured else None
    if ratio is None or ratio.estimate is None:
        return TableRow(labels=(f"{label}, SE/plain",), entries=(Entry(published=published),))
    known = ratio.ci_low is not None and ratio.ci_high is not None
    interval = f" [{ratio.ci_low:.3f}, {ratio.ci_high:.3f}]" if known else ""
    entry = Entry(published=published, here=ratio.estimate, here_text=f"{ratio.estimate:.3f}{interval}")
    return TableRow(labels=(f"{label}, SE/plain",), entries=(entry,))


def _origin(place: str, measured: Measured | None, command: str) -> tuple[str, ...]:
    if measured is None:
        return (f"{place}: no stored result; run `{command}`",)
    ratio = measured.metric.ratio
    processes = "1 process" if ratio.processes == 1 else f"{ratio.processes} processes"
    sizes = f"{processes}, {ratio.blocks} blocks, grade {measured.metric.grade}"
    return (f"{place}: {measured.machine}, {measured.measured_at}, {sizes}",)
