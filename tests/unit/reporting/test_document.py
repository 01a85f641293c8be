import pytest

from sebench.reporting.document import (
    Cell,
    Column,
    Document,
    Paragraph,
    Section,
    Table,
    printed_columns,
    row_groups,
    text_cell,
)


def table(*rows):
    columns = (Column("pair", "pair", role="group"), Column("a", "A"), Column("raw", "raw", role="data"))
    return Table("t", columns, rows)


def row(group, text):
    return Cell(group), text_cell(text), Cell("", 1)


def test_a_row_needs_one_cell_per_column():
    with pytest.raises(ValueError, match=r"table 't': 1 cells for 3 columns"):
        table((Cell("x"),))


def test_only_value_and_fold_columns_are_printed():
    assert printed_columns(table()) == (1,)


def test_rows_are_grouped_where_the_heading_changes():
    groups = row_groups(table(row("x", "1"), row("x", "2"), row("y", "3"), row("x", "4")))
    assert [(group.heading, len(group.rows)) for group in groups] == [("x", 2), ("y", 1), ("x", 1)]


def test_tables_are_found_in_sections_too():
    inner, outer = table(), table()
    document = Document("d", (Paragraph("p"), Section("s", (Paragraph("q"), inner)), outer))
    assert document.tables == (inner, outer)
