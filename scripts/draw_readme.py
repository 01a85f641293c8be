"""Write the output and the picture that README.md shows, from the stored results in reports/.

Usage: ``python scripts/draw_readme.py``. Nothing is measured: `sebench compare` prints and, with ``--plot``,
draws the same when it has measured such results.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sebench import reporting
from sebench.analysis.comparison import compare
from sebench.models import as_published
from sebench.reporting.chart import Picture
from sebench.reporting.report import build_report, comparison_picture
from sebench.schema import Result
from sebench.store import load_result

ROOT = Path(__file__).parents[1]
DATA = ROOT / "reports" / "cpu-amd-epyc" / "data"
PAGE = ROOT / "README.md"
PICTURE = ROOT / "docs" / "headline.svg"
BEGIN, END = "<!-- {}: written by scripts/draw_readme.py -->\n", "<!-- end of {} -->"
PARTS = ("table", "notes")
WIDTH = 80


def results() -> list[Result]:
    """Networks without and with SE on one process each; the first is the one that the table shows."""
    stored = [load_result(path) for path in sorted(DATA.glob("*-plain-se-*.json"))]
    return [result for result in stored if all(each.workload.world_size == 1 for each in result.measurements)]


def output() -> dict[str, str]:
    """What `sebench compare --model resnet50` printed: up to the end of the table, and the notes below."""
    first = results()[0]
    document = reporting.comparison_document(
        [compare(first)],
        first.environment,
        as_published=[as_published(first)],
        measured_at=first.created_at,
    )
    table, _, notes = reporting.render(document, "table", width=WIDTH).partition("\n\n- ")
    return {"table": f"```\n{table}\n```\n", "notes": f"```\n- {notes.rstrip()}\n```\n"}


def picture() -> Picture:
    """The first panel of what `sebench compare --plot` draws: ratios with their intervals."""
    whole = comparison_picture(build_report(results(), as_published=as_published))
    return replace(whole, panels=whole.panels[:1])


def page(text: str) -> str:
    """`text` with its output made anew."""
    for part, lines in output().items():
        begin, end = BEGIN.format(part), END.format(part)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{PAGE.name} has no lines {begin.strip()} and {end}")
        text = f"{before}{begin}{lines}{end}{after}"
    return text


def main() -> None:
    """Write both files."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_bytes(reporting.draw(picture(), "svg"))


if __name__ == "__main__":
    main()
