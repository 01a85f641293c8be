"""The cost report: stored results to a value, the value to a document, to JSON or to long CSV."""

from sebench.reporting.report.document import report_document
from sebench.reporting.report.json import report_json
from sebench.reporting.report.values import PairReport, Report, build_report

__all__ = ["PairReport", "Report", "build_report", "report_document", "report_json"]
