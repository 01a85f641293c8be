"""The cost report: stored results to a value, the value to a document, to JSON or to long CSV."""

from sebench.reporting.report.document import report_document
from sebench.reporting.report.pictures import comparison_picture, report_picture
from sebench.reporting.report.render import RenderedReport, render_report, report_json
from sebench.reporting.report.values import ExcitationReport, PairReport, Report, SweepReport, build_report

__all__ = [
    "ExcitationReport",
    "PairReport",
    "RenderedReport",
    "Report",
    "SweepReport",
    "build_report",
    "comparison_picture",
    "render_report",
    "report_document",
    "report_json",
    "report_picture",
]
