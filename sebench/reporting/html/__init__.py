"""Document to one self-contained HTML file."""

from sebench.reporting.html.page import render_html

__all__ = ["render_html"]
