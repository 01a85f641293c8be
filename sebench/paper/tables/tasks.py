"""Other tasks than ImageNet: CIFAR, scenes and detection."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sebench.analysis.costs import attention_totals, by_stage, totals
from sebench.paper.tables.sheet import Sheet, own, subject, table
from sebench.paper.tables.values import Entry, PaperTable, TableRow
from sebench.schema import StaticCost

_MILLION, _GIGA = 10**6, 10**9
_CIFAR = (
    ("ResNet-110", "cifar_resnet110"),
    ("ResNet-164", "cifar_resnet164"),
    ("WRN-16-8", "cifar_wrn16_8"),
    ("Shake-Shake 26 2x96d + Cutout", "cifar_shakeshake26_2x96d"),
)
_BACKBONE = frozenset(("stem", "2", "3", "4", "5"))
_HEADS = frozenset(("rpn", "boxes"))


def cifar(sheet: Sheet) -> PaperTable:
    """Errors on CIFAR-10 and CIFAR-100; the paper prints no costs."""

    def rows() -> Iterator[TableRow]:
        for printed, model in _CIFAR:
            for label, variant in (("plain", "plain"), ("SE", "se")):
                cost = sheet.count(subject(model, variant))
                yield TableRow(
                    labels=(printed, label),
                    entries=(_millions(cost.params), _millions(totals(cost).macs, 1)),
                    quoted=(
                        sheet.text("TPAMI Table 4", printed, f"{label} CIFAR-10", "top1_err"),
                        sheet.text("TPAMI Table 5", printed, f"{label} CIFAR-100", "top1_err"),
                    ),
                )

    return table(
        "cifar",
        "CIFAR networks",
        "TPAMI 2020, Tables 4 and 5",
        labels=("network", "variant"),
        columns={"params": "M params", "macs": "M MACs"},
        quoted=("CIFAR-10 err %", "CIFAR-100 err %"),
        rows=rows(),
        notes=("32x32 inputs, 10 classes; the paper prints no cost for these networks",),
    )


def places(sheet: Sheet) -> PaperTable:
    """Scene classification on Places365."""
    source, variant = "CVPR18 Table 5", "Places365 val"

    def rows() -> Iterator[TableRow]:
        for printed, grammar in (("ResNet-152 (ours)", "plain"), ("SE-ResNet-152", "se")):
            cost = sheet.count(subject("resnet152", grammar))
            # 365 classes for 1000: the classifier alone changes
            fewer = 1000 - _PLACES_CLASSES
            parameters = cost.params - fewer * (_FEATURES + 1)
            yield TableRow(
                labels=(printed,),
                entries=(
                    _millions(parameters),
                    own(Fraction(totals(cost).macs - fewer * _FEATURES, _GIGA), 3),
                ),
                quoted=tuple(sheet.text(source, printed, variant, m) for m in ("top1_err", "top5_err")),
            )

    return table(
        "places",
        "Table 5: scenes, Places365",
        "CVPR 2018, Table 5",
        labels=("network",),
        columns={"params": "M params", "macs": "G MACs"},
        quoted=("top-1 err %", "top-5 err %"),
        rows=rows(),
        notes=("365 classes (`--num-classes 365`); the paper prints no cost",),
    )


_PLACES_CLASSES, _FEATURES = 365, 2048


def detection(sheet: Sheet) -> PaperTable:
    """Faster R-CNN with a feature pyramid: where its cost lies, and the share of SE."""

    def rows() -> Iterator[TableRow]:
        for depth in (50, 101):
            for prefix, variant in (("", "plain"), ("SE-", "se")):
                printed = f"{prefix}ResNet-{depth}"
                cost = sheet.count(subject(f"fasterrcnn_resnet{depth}_fpn", variant))
                yield TableRow(
                    labels=(printed,),
                    entries=_detection_entries(cost),
                    quoted=(
                        sheet.text("CVPR18 Table 6", printed, "Faster R-CNN COCO 40k val", "ap"),
                        sheet.text("TPAMI Table 7", printed, "Faster R-CNN COCO minival", "ap"),
                    ),
                )

    return table(
        "detection",
        "Faster R-CNN on COCO",
        "CVPR 2018, Table 6; TPAMI 2020, Table 7",
        labels=("backbone",),
        columns={
            "params": "M params",
            "macs": "G MACs",
            "backbone": "backbone",
            "neck": "neck",
            "heads": "heads",
            "attention_params": "SE % params",
            "attention_macs": "% MACs",
            "attention_bytes": "% bytes",
        },
        quoted=("CVPR AP", "TPAMI AP"),
        rows=rows(),
        notes=(
            "torchvision's FPN, proposal and box heads on the paper's v1 backbones, 800x1333, 1000 "
            "proposals; RoIAlign, suppression and decoding are in no total; the paper prints no cost",
            "backbone, neck and heads in G MACs; SE: share of the attention modules in the whole network",
        ),
    )


def _detection_entries(cost: StaticCost) -> tuple[Entry, ...]:
    whole, attention = totals(cost), attention_totals(cost)
    macs = {"backbone": 0, "neck": 0, "heads": 0}
    for row in by_stage(cost):
        part = "backbone" if row.key in _BACKBONE else "heads" if row.key in _HEADS else "neck"
        macs[part] += row.macs
    shares = (
        (attention.params, whole.params, 2),
        (attention.macs, whole.macs, 4),
        (attention.moved_bytes, whole.moved_bytes, 1),
    )
    return (
        _millions(whole.params),
        own(Fraction(whole.macs, _GIGA), 2),
        *(own(Fraction(value, _GIGA), 2) for value in macs.values()),
        *(own(Fraction(100 * part, total), decimals) for part, total, decimals in shares),
    )


def _millions(value: int, decimals: int = 3) -> Entry:
    return own(Fraction(value, _MILLION), decimals)
