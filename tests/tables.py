"""What the cells of tables hold, by column."""


def cells(table):
    """One dictionary per row."""
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, (cell.value for cell in row), strict=True)) for row in table.rows]


def column(table, key):
    """The values of one column."""
    return [row[key] for row in cells(table)]
