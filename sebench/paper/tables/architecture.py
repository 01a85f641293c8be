"""Table 1: the architectures, layer by layer, as they are built."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.paper.tables.sheet import Sheet, table
from sebench.paper.tables.values import Entry, PaperTable, TableRow
from sebench.schema import Value

MODELS = (
    ("ResNet-50", "resnet50", "plain"),
    ("SE-ResNet-50", "resnet50", "se"),
    ("SE-ResNeXt-50 (32x4d)", "resnext50_32x4d", "se"),
)
"""The columns of the paper's table: printed name, sebench's name, variant."""


class StageArchitecture(Value, frozen=True, kw_only=True):
    """A part of a network, read off the modules that were built."""

    stage: str
    output_size: str
    """Height x width."""
    layers: str
    attention_widths: str = ""
    """``[hidden,channels]`` of the FC layers of its attention modules; empty where there are none."""


def table1(sheet: Sheet, networks: Sequence[Sequence[StageArchitecture]]) -> PaperTable:
    """Architectures beside the printed FC widths.

    Args:
        sheet: printed figures.
        networks: the parts of each of `MODELS`, in order.
    """
    return table(
        "1",
        "Table 1: architectures",
        "CVPR 2018, Table 1",
        labels=("part", "output", *(printed for printed, _, _ in MODELS)),
        columns={"widths": "FC widths"},
        rows=(
            TableRow(
                labels=(parts[0].stage, parts[0].output_size, *(part.layers for part in parts)),
                entries=(_widths(sheet, parts),),
            )
            for parts in zip(*networks, strict=True)
        ),
        notes=("read off the modules that sebench builds; C: groups; FC widths are [C/r, C], r = 16",),
    )


def _widths(sheet: Sheet, parts: Sequence[StageArchitecture]) -> Entry:
    found = sorted({part.attention_widths for part in parts if part.attention_widths})
    printed = sheet.text(
        "CVPR18 Table 1", "SE-ResNet-50 / SE-ResNeXt-50", f"conv{parts[0].stage}_x", "se_fc_dims"
    )
    here = ", ".join(found)
    same = "=" if printed and here == printed else ""
    return Entry(published=printed, here_text=here, difference=same or ("differs" if printed else ""))
