"""Values to documents, documents to text. Nothing here measures, and nothing here needs torch."""

from __future__ import annotations

from sebench.reporting.catalog import catalog_document
from sebench.reporting.comparison import comparison_document
from sebench.reporting.contract import catalog_json, comparison_json, count_json, environment_json
from sebench.reporting.counts import count_document
from sebench.reporting.cross_check import cross_check_document, cross_check_json, unexplained
from sebench.reporting.document import Document
from sebench.reporting.environment import environment_document
from sebench.reporting.paper_table import (
    paper_tables_document,
    paper_tables_json,
)
from sebench.reporting.picture import render_picture
from sebench.reporting.profile import profile_document, profile_json
from sebench.reporting.rendering import Format, render
from sebench.reporting.verification import (
    conventions_document,
    conventions_json,
    verification_document,
    verification_json,
)

__all__ = [
    "Document",
    "Format",
    "catalog_document",
    "catalog_json",
    "comparison_document",
    "comparison_json",
    "conventions_document",
    "conventions_json",
    "count_document",
    "count_json",
    "cross_check_document",
    "cross_check_json",
    "environment_document",
    "environment_json",
    "paper_tables_document",
    "paper_tables_json",
    "profile_document",
    "profile_json",
    "render",
    "render_picture",
    "unexplained",
    "verification_document",
    "verification_json",
]
