"""Tables 2, 3 and 7 of the CVPR paper, and Table 10 of the TPAMI paper beside the last."""

from __future__ import annotations

from fractions import Fraction

from sebench.paper.tables.sheet import PAPER_MACS, Sheet, own, subject, table
from sebench.paper.tables.values import PaperTable, TableRow

_PLAIN = "plain (re-implementation)"
_ORIGINAL = "original paper"


def table2(sheet: Sheet) -> PaperTable:
    """Single-crop errors on ImageNet and complexity."""
    source = "CVPR18 Table 2"
    models = (
        *("ResNet-50", "ResNet-101", "ResNet-152", "ResNeXt-50 (32x4d)", "ResNeXt-101 (32x4d)"),
        *("VGG-16", "BN-Inception", "Inception-ResNet-v2"),
    )

    def errors(model: str, variant: str) -> str:
        found = tuple(sheet.text(source, model, variant, metric) for metric in ("top1_err", "top5_err"))
        return "/".join(text or "-" for text in found) if any(found) else ""

    return table(
        "2",
        "Table 2: ImageNet, single-crop error and complexity",
        "CVPR 2018, Table 2",
        labels=("network",),
        columns={"plain": "GFLOPs", "se": "SE GFLOPs"},
        quoted=("original", "plain err", "SE err"),
        rows=(
            TableRow(
                labels=(model,),
                entries=(
                    sheet.entry(source, model, _PLAIN, "gflops"),
                    sheet.entry(source, model, "SE", "gflops"),
                ),
                quoted=tuple(errors(model, variant) for variant in (_ORIGINAL, _PLAIN, "SE")),
            )
            for model in models
        ),
        notes=(
            PAPER_MACS,
            "errors: top-1/top-5 in per cent, original and re-implemented; Inception-ResNet-v2 at 299x299: "
            "the authors' graph was never released",
        ),
    )


def table3(sheet: Sheet) -> PaperTable:
    """Small networks: MFLOPs and parameters."""
    source = "CVPR18 Table 3"
    return table(
        "3",
        "Table 3: small networks",
        "CVPR 2018, Table 3",
        labels=("network", "variant"),
        columns={"mflops": "MFLOPs", "params": "M params"},
        quoted=("top-1 err %", "top-5 err %"),
        rows=(
            TableRow(
                labels=(model, label),
                entries=tuple(sheet.entry(source, model, variant, m) for m in ("mflops", "params_m")),
                quoted=tuple(sheet.text(source, model, variant, m) for m in ("top1_err", "top5_err")),
            )
            for model in ("MobileNet 1.0-224", "ShuffleNet 1x (g=3)")
            for label, variant in (("plain", _PLAIN), ("SE", "SE"))
        ),
        notes=(
            PAPER_MACS,
            "the TPAMI paper's Table 3 prints the same costs and other errors, from longer training",
        ),
    )


def table7(sheet: Sheet) -> PaperTable:
    """Reduction ratios, by the paper's rule for parameters and by ours."""
    cvpr, tpami = "CVPR18 Table 7", "TPAMI Table 10"

    def row(label: str, model: str, variant: str, grammar: str) -> TableRow:
        trainable = sheet.count(subject("resnet50", grammar)).params
        return TableRow(
            labels=(label,),
            entries=(
                sheet.entry(cvpr, model, variant, "params_m"),
                sheet.entry(tpami, model, variant, "params_m"),
                own(Fraction(trainable, 10**6), 3),
            ),
            quoted=tuple(sheet.text(s, model, variant, "top1_err") for s in (cvpr, tpami)),
        )

    return table(
        "7",
        "Table 7: SE-ResNet-50 at different reduction ratios",
        "CVPR 2018, Table 7; TPAMI 2020, Table 10",
        labels=("r",),
        columns={"stored": "M params", "unbiased": "TPAMI", "trainable": "trainable"},
        quoted=("top-1", "TPAMI top-1"),
        rows=(
            *(row(str(r), "SE-ResNet-50", f"r={r}", f"se(r={r})") for r in (2, 4, 8, 16, 32)),
            row("plain", "ResNet-50", "plain", "plain"),
        ),
        notes=(
            "M params (CVPR) and TPAMI count all stored blobs: parameters and batch-norm statistics; CVPR's "
            "FC layers have biases, TPAMI's have none. trainable: what sebench reports, with biases",
        ),
    )
