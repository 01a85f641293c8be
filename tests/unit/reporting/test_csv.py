import csv
import io
import math

from sebench.reporting.csv import render_csv
from sebench.reporting.document import Cell, Column, Document, Paragraph, Section, Table, text_cell


def one(title="T", value=1.5, key="x"):
    columns = (Column("name", "Name"), Column(key, "Value"), Column("raw", "raw", role="data"))
    return Table(title, columns, ((text_cell("a"), Cell("shown", value), Cell("", 2**53 + 1)),))


def test_one_table_has_its_own_columns_only():
    assert (
        render_csv(Document("D", (Paragraph("p"), one()), ("n",))) == "name,x,raw\na,1.5,9007199254740993\n"
    )


def test_integers_stay_integers_beside_unknowns():
    table = Table("T", (Column("n", "n"),), ((Cell("3", 3),), (Cell("-"),)))
    assert render_csv(Document("D", (table,))).splitlines() == ["n", "3", '""']


def test_several_tables_share_one_header():
    text = render_csv(Document("D", (one("T1"), Section("S", (one("T2", key="y"),)))))
    assert text.splitlines() == [
        "table,name,x,raw,y",
        "T1,a,1.5,9007199254740993,",
        "T2,a,,9007199254740993,1.5",
    ]


def test_a_table_without_a_title_goes_by_its_section():
    text = render_csv(Document("D", (Section("S1", (one(""),)), Section("S2", (one(""), one("T"))))))
    assert [line.partition(",")[0] for line in text.splitlines()] == ["table", "S1", "S2", "T"]


def test_no_table_is_no_text():
    assert render_csv(Document("D", (Paragraph("p"),))) == ""


def test_what_is_not_finite_is_empty():
    for value in (math.nan, math.inf, -math.inf):
        assert render_csv(Document("D", (one(value=value),))).splitlines()[1] == "a,,9007199254740993"


def test_texts_cannot_run_or_break_out():
    hostile = '=HYPERLINK("http://x")\n\x1b[31m,next'
    text = render_csv(Document("D", (Table("T", (Column("a", "a"),), ((text_cell(hostile),),)),)))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["a"], ['\'=HYPERLINK("http://x") \\x1b[31m,next']]
