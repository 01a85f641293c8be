"""The papers' tables for programs."""

from pathlib import Path

import msgspec
import pytest

import sebench
from sebench.api import tables
from sebench.errors import DataFileError, Interrupted, UsageError

DATA = Path(__file__).parents[3] / "reports" / "cpu-amd-epyc" / "data"


@pytest.fixture(scope="module")
def second():
    return sebench.table("2")


def test_a_table_holds_what_is_printed_and_what_is_here(second):
    found = second
    (table,) = found.tables
    resnet101 = next(row for row in table.rows if row.labels[0] == "ResNet-101")
    assert [(entry.published, entry.here_text) for entry in resnet101.entries] == [
        ("7.58", "7.579"),
        ("7.60", "7.593"),
    ]
    assert str(found).startswith("Table 2: ImageNet, single-crop error and complexity\n")
    assert "| ResNet-101 |" in found._repr_markdown_()
    assert repr(found) == "TableResult('Table 2: ImageNet, single-crop error and complexity')"


def test_times_come_from_stored_results(tmp_path):
    (without,) = sebench.table("section4", results=tmp_path).tables
    (stored,) = sebench.table("section4", results=DATA).tables
    assert without.rows != stored.rows


def test_measured_now(monkeypatch, tmp_path):
    seen = {}

    def measure(directory, context, **options):
        seen.update(options, directory=directory, argv=context.argv)
        options["not_stored"](DataFileError("cannot write results"))
        return ()

    monkeypatch.setattr(tables, "measure_section4", measure)
    with pytest.warns(UserWarning, match="the result is not stored: cannot write results"):
        sebench.table("section4", results=tmp_path, measure=True)
    assert (seen["directory"], seen["argv"]) == (tmp_path, ("sebench", "table", "section4", "--measure"))


def test_ctrl_c_is_pythons_own(monkeypatch, tmp_path):
    def measure(directory, context, **options):
        raise Interrupted("interrupted")

    monkeypatch.setattr(tables, "measure_section4", measure)
    with pytest.raises(KeyboardInterrupt):
        sebench.table("section4", results=tmp_path, measure=True)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("4", {}, "unknown table '4'; there are 1, 2, 3, 7"),
        ("2", {"measure": True}, "table 2 has no times to measure; those with times are section4 and all"),
    ],
)
def test_what_cannot_be_meant(name, options, message):
    with pytest.raises(UsageError, match=message):
        sebench.table(name, **options)


def test_a_table_is_a_frame_of_one_row_per_quantity(second):
    frame = second.to_frame()
    assert list(frame.columns[:3]) == ["table", "row", "quantity"]
    assert set(frame["table"]) == {"2"}
    macs = frame[frame["row"] == "ResNet-101"].dropna(subset="here")
    assert list(macs["published"]) == ["7.58", "7.60"]
    assert list(macs["here"].round(3)) == [7.579, 7.593]
    assert str(frame["here"].dtype) == "float64"


def test_several_tables_are_one_frame(second):
    (table,) = second.tables
    found = tables.TableResult((table, msgspec.structs.replace(table, name="other")))
    frame = found.to_frame()
    assert list(dict.fromkeys(frame["table"])) == ["2", "other"]
    # a row per quantity of each line, recomputed or quoted
    lines = ((len(t.columns) + len(t.quoted)) * len(t.rows) for t in found.tables)
    assert len(frame) == sum(lines)
