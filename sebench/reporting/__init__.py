"""Values to documents, documents to text. Nothing here measures, and nothing here needs torch."""

from __future__ import annotations

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
from sebench.reporting.conventions import conventions_document, conventions_json
from sebench.reporting.cost_picture import check_cost_picture, cost_picture
from sebench.reporting.counts import count_document
from sebench.reporting.cross_check import cross_check_document, cross_check_json, unexplained
from sebench.reporting.document import Document
from sebench.reporting.drawing import check_picture, draw
from sebench.reporting.environment import environment_document
from sebench.reporting.formats import Format, render
from sebench.reporting.gate import gate_document
from sebench.reporting.lock import lock_document, lock_json
from sebench.reporting.module_profile import module_profile_document
from sebench.reporting.paper_table import (
    paper_tables_document,
    paper_tables_json,
)
from sebench.reporting.picture import profile_picture
from sebench.reporting.profile import profile_document, profile_json
from sebench.reporting.ratio_picture import change_picture
from sebench.reporting.results import results_document, results_json
from sebench.reporting.table_picture import check_table_picture, tables_picture
from sebench.reporting.trend import trend_document, trend_json
from sebench.reporting.trend_picture import trend_picture
from sebench.reporting.verification import verification_document, verification_json

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
