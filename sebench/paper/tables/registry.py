"""The tables by name, in the order of the papers."""

from __future__ import annotations

from collections.abc import Mapping

from sebench.errors import UsageError, near_matches
from sebench.schema import Value


class TableInfo(Value, frozen=True, kw_only=True):
    """A table without its figures."""

    name: str
    title: str
    source: str


TABLES: Mapping[str, TableInfo] = {
    info.name: info
    for info in (
        TableInfo(name="1", title="architectures, layer by layer", source="CVPR Table 1"),
        TableInfo(name="2", title="ImageNet backbones: GFLOPs", source="CVPR Table 2"),
        TableInfo(name="3", title="small networks: MFLOPs, parameters", source="CVPR Table 3"),
        TableInfo(name="7", title="reduction ratios: parameters", source="CVPR Table 7, TPAMI Table 10"),
        TableInfo(name="section4", title="complexity and times of SE-ResNet-50", source="CVPR Section 4"),
        TableInfo(name="squeeze", title="squeeze operators", source="TPAMI Table 11"),
        TableInfo(name="excitation", title="excitation operators", source="TPAMI Table 12"),
        TableInfo(name="stages", title="SE in single stages", source="TPAMI Table 13"),
        TableInfo(name="placement", title="placement in the residual unit", source="TPAMI Tables 14, 15"),
        TableInfo(name="nosqueeze", title="SE without the squeeze", source="TPAMI Table 16"),
        TableInfo(name="cifar", title="CIFAR networks: parameters, MACs", source="TPAMI Tables 4, 5"),
        TableInfo(name="places", title="Places365", source="CVPR Table 5"),
        TableInfo(name="detection", title="Faster R-CNN", source="CVPR Table 6, TPAMI Table 7"),
    )
}
ALL = "all"
TIMED = "section4"
"""The one table with times."""


def table_names(name: str) -> tuple[str, ...]:
    """The tables that `name` asks for.

    Raises:
        UsageError: there is none of that name.
    """
    if name == ALL:
        return tuple(TABLES)
    wanted = name.lower().removeprefix("table").strip()
    if wanted not in TABLES:
        hint = near_matches(wanted, TABLES) or f"there are {', '.join(TABLES)}, and all"
        raise UsageError(f"unknown table {name!r}", hint=hint)
    return (wanted,)
