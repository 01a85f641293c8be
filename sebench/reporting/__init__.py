"""Values to documents, documents to text. Nothing here measures, and nothing here needs torch.

Each name is loaded with its module when it is first used, so a command loads what it shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sebench.reporting.calibration import calibration_document, calibration_json
    from sebench.reporting.catalog import catalog_document
    from sebench.reporting.change import change_document, change_json
    from sebench.reporting.comparison import comparison_document
    from sebench.reporting.contract import (
        catalog_json,
        comparison_json,
        count_json,
        environment_json,
        gate_json,
    )
    from sebench.reporting.cost_pictures import (
        check_cost_picture,
        check_table_picture,
        cost_picture,
        tables_picture,
    )
    from sebench.reporting.counts import count_document
    from sebench.reporting.cross_check import cross_check_document, cross_check_json, unexplained
    from sebench.reporting.document import Document
    from sebench.reporting.drawing import check_picture, draw
    from sebench.reporting.environment import environment_document
    from sebench.reporting.formats import Format, render
    from sebench.reporting.gate import gate_document
    from sebench.reporting.lock import lock_document, lock_json
    from sebench.reporting.module_profile import module_profile_document
    from sebench.reporting.paper_table import paper_tables_document, paper_tables_json
    from sebench.reporting.pictures import profile_picture, trend_picture
    from sebench.reporting.profile import profile_document, profile_json
    from sebench.reporting.ratio_picture import change_picture
    from sebench.reporting.results import results_document, results_json
    from sebench.reporting.trend import trend_document, trend_json
    from sebench.reporting.verification import (
        conventions_document,
        conventions_json,
        verification_document,
        verification_json,
    )

_NAMES = {
    "calibration": ("calibration_document", "calibration_json"),
    "catalog": ("catalog_document",),
    "change": ("change_document", "change_json"),
    "comparison": ("comparison_document",),
    "contract": ("catalog_json", "comparison_json", "count_json", "environment_json", "gate_json"),
    "cost_pictures": ("check_cost_picture", "check_table_picture", "cost_picture", "tables_picture"),
    "counts": ("count_document",),
    "cross_check": ("cross_check_document", "cross_check_json", "unexplained"),
    "document": ("Document",),
    "drawing": ("check_picture", "draw"),
    "environment": ("environment_document",),
    "formats": ("Format", "render"),
    "gate": ("gate_document",),
    "lock": ("lock_document", "lock_json"),
    "module_profile": ("module_profile_document",),
    "paper_table": ("paper_tables_document", "paper_tables_json"),
    "pictures": ("profile_picture", "trend_picture"),
    "profile": ("profile_document", "profile_json"),
    "ratio_picture": ("change_picture",),
    "results": ("results_document", "results_json"),
    "trend": ("trend_document", "trend_json"),
    "verification": (
        "conventions_document",
        "conventions_json",
        "verification_document",
        "verification_json",
    ),
}
"""What each module of this package gives to the others."""

# A module must not have the name of something here: once imported, it would stand in its place.
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "Document",
    "Format",
    "calibration_document",
    "calibration_json",
    "catalog_document",
    "catalog_json",
    "change_document",
    "change_json",
    "change_picture",
    "check_cost_picture",
    "check_picture",
    "check_table_picture",
    "comparison_document",
    "comparison_json",
    "conventions_document",
    "conventions_json",
    "cost_picture",
    "count_document",
    "count_json",
    "cross_check_document",
    "cross_check_json",
    "draw",
    "environment_document",
    "environment_json",
    "gate_document",
    "gate_json",
    "lock_document",
    "lock_json",
    "module_profile_document",
    "paper_tables_document",
    "paper_tables_json",
    "profile_document",
    "profile_json",
    "profile_picture",
    "render",
    "results_document",
    "results_json",
    "tables_picture",
    "trend_document",
    "trend_json",
    "trend_picture",
    "unexplained",
    "verification_document",
    "verification_json",
]


def __getattr__(name: str) -> object:
    """A public name, from its module (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """What there is, loaded or not: for completion."""
    return sorted({*globals(), *__all__})
