"""The ablations of the TPAMI paper (Tables 11 to 16): cost recomputed, errors quoted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sebench.paper.figures import PublishedFigure
from sebench.paper.subjects import subject_of
from sebench.paper.tables.sheet import PAPER_MACS, Sheet, moved_mebibytes, own, table
from sebench.paper.tables.values import PaperTable, TableRow

_COLUMNS = {"gflops": "GFLOPs", "params": "M params", "bytes": "MiB moved"}
_QUOTED = ("top-1 err %", "top-5 err %")
_NOTES = (
    PAPER_MACS,
    "M params: all stored blobs, FC layers without biases, as in all of these tables; MiB moved: tensors "
    "in and out of every op, one image in float32, no cache",
)
_Line = tuple[str, str, str, str]
"""Label, source, model and variant as printed."""


def squeeze(sheet: Sheet) -> PaperTable:
    """Average against maximum in the squeeze."""
    source = "TPAMI Table 11"
    lines = [(kind, source, "SE-ResNet-50", f"squeeze={kind}") for kind in ("max", "avg")]
    return _ablation(sheet, "squeeze", "Squeeze operator, SE-ResNet-50", "TPAMI 2020, Table 11", lines)


def excitation(sheet: Sheet) -> PaperTable:
    """Gates of the excitation."""
    source = "TPAMI Table 12"
    lines = [(gate, source, "SE-ResNet-50", f"excitation={gate}") for gate in ("relu", "tanh", "sigmoid")]
    return _ablation(sheet, "excitation", "Excitation operator, SE-ResNet-50", "TPAMI 2020, Table 12", lines)


def stages(sheet: Sheet) -> PaperTable:
    """SE in single stages."""
    source = "TPAMI Table 13"
    lines = [
        ("plain", source, "ResNet-50", "plain"),
        *((f"stage {n}", source, "ResNet-50", f"SE stage {n} only") for n in (2, 3, 4)),
        ("all stages", source, "ResNet-50", "SE all stages"),
    ]
    return _ablation(sheet, "stages", "SE in single stages of ResNet-50", "TPAMI 2020, Table 13", lines)


def placement(sheet: Sheet) -> PaperTable:
    """Where the block sits in a residual unit."""
    lines = [
        ("standard", "TPAMI Table 15", "SE-ResNet-50", "SE standard"),
        ("pre", "TPAMI Table 14", "SE-ResNet-50", "SE-PRE"),
        ("post", "TPAMI Table 14", "SE-ResNet-50", "SE-POST"),
        ("identity", "TPAMI Table 14", "SE-ResNet-50", "SE-Identity"),
        ("3x3", "TPAMI Table 15", "SE-ResNet-50", "SE_3x3"),
    ]
    source = "TPAMI 2020, Tables 14 and 15"
    return _ablation(sheet, "placement", "Placement of SE in ResNet-50", source, lines)


def nosqueeze(sheet: Sheet) -> PaperTable:
    """The squeeze left out: FC layers become 1x1 convolutions at full resolution."""
    source = "TPAMI Table 16"
    lines = [(label, source, "ResNet-50", label) for label in ("plain", "NoSqueeze", "SE")]
    return _ablation(sheet, "nosqueeze", "SE without the squeeze, ResNet-50", "TPAMI 2020, Table 16", lines)


def _ablation(sheet: Sheet, name: str, title: str, source: str, lines: Sequence[_Line]) -> PaperTable:
    return table(
        name,
        title,
        source,
        labels=("variant",),
        columns=_COLUMNS,
        quoted=_QUOTED,
        rows=_rows(sheet, lines),
        notes=_NOTES,
    )


def _rows(sheet: Sheet, lines: Sequence[_Line]) -> Iterator[TableRow]:
    for label, source, model, variant in lines:
        network = subject_of(
            PublishedFigure(line=0, source=source, model=model, variant=variant, metric="gflops", value=""),
            frozenset(),
        )
        assert network is not None, (model, variant)  # noqa: S101 - the tests build every table
        yield TableRow(
            labels=(label,),
            entries=(
                sheet.entry(source, model, variant, "gflops"),
                sheet.entry(source, model, variant, "params_m"),
                own(moved_mebibytes(sheet.count(network)), 1),
            ),
            quoted=tuple(sheet.text(source, model, variant, m) for m in ("top1_err", "top5_err")),
        )
