"""A chart with everything in it, and texts that would like to be markup."""

from sebench.reporting.chart import Axis, Band, Chart, Level, Point, Series
from sebench.reporting.document import (
    Cell,
    Column,
    Details,
    Document,
    Figure,
    Listing,
    Paragraph,
    Section,
    Table,
    text_cell,
)

HOSTILE = "</script><img src=x onerror=alert(1)> $x_1$ | `c` & \"q\" 'a' \x1b[31m\u202e"


def chart(text="block"):
    return Chart(
        x=Axis("process", ("0", "1")),
        y=Axis("ratio"),
        series=(
            Series(text, "dot", (Point(0, 1.01, text), Point(1, 1.02, text))),
            Series("estimate", "diamond", (Point(0, 1.015, "p0", "named"),)),
            Series("front", "line", (Point(0, 1.01, ""), Point(1, 1.02, ""))),
        ),
        levels=(Level(1.0, "no difference", dashed=True), Level(1.015, "ratio")),
        band=Band(1.01, 1.02, "95 % interval"),
    )


def bars(text="added"):
    points = (Point(0, 10.0, "a tenth"), Point(1, 90.0, "the rest"))
    return Chart(
        x=Axis("stage", ("stem", "2")),
        y=Axis("share (%)", from_zero=True),
        series=(Series(text, "bar", points), Series("other", "bar", points)),
    )


def table(text="value", rows=2):
    columns = (Column("name", "name"), Column("value", "value", "right", detail="(ms)"))
    cells = tuple((text_cell(f"{text}{n}"), Cell(f"{n}.0", float(n), "[1, 2]")) for n in range(rows))
    return Table(text, columns, cells, (text,))


def document(text="plain"):
    return Document(
        text,
        (
            Paragraph(text, strong=True),
            Section(
                "First",
                (
                    Paragraph(text),
                    table(text),
                    Listing((f"sebench {text}", "second")),
                    Figure("blocks-1", text, text, chart(text), table(text)),
                    Figure("stages-1", text, text, bars(text), table(text)),
                    Details(text, (Paragraph(text), table(text))),
                ),
                (text,),
            ),
        ),
        (text,),
    )
