"""The papers' tables: printed figures from the data file, ours from counts, differences from both."""

from fractions import Fraction

import pytest

from sebench.errors import UsageError
from sebench.paper.tables.registry import TABLES, table_names
from sebench.paper.tables.sheet import beside
from sebench.runner.tabulating import build_tables, newest_measured
from tests import samples
from tests.samples import block, process


@pytest.fixture(scope="session")
def tables(counts):
    """All of them, by name."""
    return {table.name: table for table in build_tables(tuple(TABLES), cache=counts)}


@pytest.fixture(scope="session")
def row(tables):
    def of(name, *labels):
        return next(found for found in tables[name].rows if found.labels[: len(labels)] == labels)

    return of


@pytest.fixture(scope="session")
def entries(row):
    def of(name, *labels):
        return [(e.published, e.here_text, e.difference) for e in row(name, *labels).entries]

    return of


def test_every_table_is_built_under_its_name(tables):
    assert list(tables) == list(TABLES)
    assert all(len(r.entries) == len(t.columns) for t in tables.values() for r in t.rows)
    assert all(len(r.labels) == len(t.labels) for t in tables.values() for r in t.rows)
    assert all(len(r.quoted) == len(t.quoted) for t in tables.values() for r in t.rows)


@pytest.mark.parametrize(
    ("published", "value", "here", "difference"),
    [
        ("3.86", Fraction(3863492608, 10**9), "3.863", "="),
        ("7.60", Fraction(7592800), "7592800.000", "+7592792.400"),
        ("7.60", Fraction(759280, 10**5), "7.593", "-0.007"),
        ("569", Fraction(568740352, 10**6), "568.7", "="),
        ("", Fraction(1, 3), "0.333", ""),
    ],
)
def test_a_figure_beside_a_printed_one(published, value, here, difference):
    entry = beside(published, value)
    assert (entry.here_text, entry.difference) == (here, difference)


def test_table_2(entries, row, tables):
    assert entries("2", "ResNet-50") == [("3.86", "3.863", "="), ("3.87", "3.872", "=")]
    assert entries("2", "ResNet-101")[1] == ("7.60", "7.593", "-0.007")
    assert row("2", "ResNet-50").quoted == ("24.7/7.8", "24.80/7.48", "23.29/6.62")
    assert row("2", "VGG-16").quoted[0] == ""  # the original has no batch normalisation
    assert len(tables["2"].rows) == 8


def test_table_3(entries, row):
    # 4,231,976 and 4,718,044 parameters
    assert entries("3", "MobileNet 1.0-224", "SE") == [("572", "571.9", "="), ("4.7", "4.72", "=")]
    assert entries("3", "ShuffleNet 1x (g=3)", "plain") == [
        ("140", "138.8", "-1.2"),
        ("1.8", "1.87", "+0.07"),
    ]
    assert row("3", "MobileNet 1.0-224", "SE").quoted == ("25.3", "7.9")


def test_table_7(entries, row):
    # stored blobs with and without FC biases, trainable with: 30.657, 30.640, 30.604 M
    assert entries("7", "8") == [("30.7", "30.66", "="), ("30.7", "30.64", "-0.06"), ("", "30.604", "")]
    assert entries("7", "2")[0] == ("", "45.752", "")  # CVPR prints no r = 2
    assert row("7", "16").quoted == ("23.29", "22.28")


def test_section_4_without_results(entries, tables):
    assert entries("section4", "M params, ResNet-50") == [("25", "25.6", "+0.6")]
    assert entries("section4", "Eq. 5, M weights") == [("", "2.514944", "")]
    assert entries("section4", "% added, not in stage 5") == [("4", "3.7", "=")]
    assert entries("section4", "% GFLOPs added") == [("0.26", "0.208", "-0.052")]
    assert entries("section4", "CPU, 1 image, SE/plain") == [("1.018", "", "")]  # 167 / 164
    assert entries("section4", "GPU training, 256, SE/plain") == [("1.100", "", "")]  # 209 / 190
    assert any("GPU: no stored result; run `sebench compare" in note for note in tables["section4"].notes)


def test_section_4_with_a_stored_result(tmp_path, counts):
    from sebench.schema import ModelSpec, Pair
    from sebench.store import ResultStore

    store = ResultStore(tmp_path)
    pair = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))
    measured = samples.measurement([process([block(0.05, 0.052)] * 2, n) for n in range(6)])
    other = Pair(baseline=pair.baseline, candidate=ModelSpec(model="resnet50", variant="se(r=8)"))
    store.add(samples.result(measured, pair=pair, id="a", created_at="2026-10-01T00:00:00+00:00"))
    store.add(samples.result(measured, pair=other, id="b", created_at="2026-10-02T00:00:00+00:00"))
    (tmp_path / "broken.json").write_text("{")
    found = newest_measured(tmp_path)
    assert list(found) == ["cpu_inference_latency"]
    (table,) = build_tables(("section4",), cache=counts, results=tmp_path)
    timed = next(r for r in table.rows if r.labels[0].startswith("CPU"))
    assert timed.entries[0].here_text == "1.040 [1.040, 1.040]"  # 52 / 50, the same in every block
    assert any("Sample CPU, torch 2.11.0, 2026-10-01" in note for note in table.notes)


@pytest.mark.parametrize(
    ("table", "label", "expected"),
    [
        ("squeeze", "max", [("", "3.872", ""), ("", "28.125", "")]),
        ("excitation", "tanh", [("", "3.872", ""), ("", "28.125", "")]),
        ("stages", "stage 4", [("3.86", "3.865", "+0.005"), ("26.4", "26.40", "=")]),
        ("placement", "pre", [("", "3.871", ""), ("", "27.601", "")]),
        ("placement", "3x3", [("3.86", "3.865", "+0.005"), ("25.8", "25.77", "=")]),
        ("nosqueeze", "NoSqueeze", [("4.27", "4.275", "="), ("28.1", "28.13", "=")]),
    ],
)
def test_ablations(table, label, expected, entries):
    assert entries(table, label)[:2] == expected


def test_tasks(entries, row):
    assert [e[1] for e in entries("cifar", "ResNet-164", "SE")] == ["1.905", "244.7"]
    assert row("cifar", "ResNet-110", "SE").quoted == ("5.21", "23.85")
    # ResNet-152 60,192,808 - 635 x 2049 = 58,891,693
    assert entries("places", "ResNet-152 (ours)")[0] == ("", "58.892", "")
    backbone, neck, heads = (float(e[1]) for e in entries("detection", "SE-ResNet-50")[2:5])
    assert backbone + neck + heads == pytest.approx(
        float(entries("detection", "SE-ResNet-50")[1][1]), abs=0.02
    )
    assert row("detection", "SE-ResNet-101").quoted == ("27.9", "41.9")


def test_table_1_is_read_off_the_networks(entries, row):
    stage3 = row("1", "3")
    assert stage3.labels[1:] == (
        "28x28",
        "(1x1, 128; 3x3, 128; 1x1, 512) x 4",
        "(1x1, 128; 3x3, 128; 1x1, 512; fc [32,512]) x 4",
        "(1x1, 256; 3x3, 256, C=32; 1x1, 512; fc [32,512]) x 4",
    )
    assert entries("1", "3") == [("[32,512]", "[32,512]", "=")]
    assert row("1", "head").labels[1:3] == ("1x1", "global average pool; 1000-d fc")


def test_names():
    assert table_names("all") == tuple(TABLES)
    assert table_names("Table 2") == table_names("2") == ("2",)
    with pytest.raises(UsageError, match="unknown table 'sectoin4'; did you mean 'section4'"):
        table_names("sectoin4")
    with pytest.raises(UsageError, match="unknown table '9'; there are 1, 2, 3, 7, section4"):
        table_names("9")
