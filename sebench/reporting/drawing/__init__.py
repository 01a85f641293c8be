"""Charts and pictures to SVG, and pictures to files."""

from sebench.reporting.drawing.elements import PAGE
from sebench.reporting.drawing.file import FORMATS, check_picture, draw
from sebench.reporting.drawing.marks import series_colors
from sebench.reporting.drawing.scale import domain
from sebench.reporting.drawing.svg import inline_svg, picture_svg

__all__ = ["FORMATS", "PAGE", "check_picture", "domain", "draw", "inline_svg", "picture_svg", "series_colors"]
