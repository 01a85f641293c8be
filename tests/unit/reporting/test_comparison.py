import math

import pytest

from sebench.reporting import comparison_document
from sebench.reporting.document import Paragraph
from sebench.schema import Finding, SavedStage, UncountedOp, Workload


def cells(document, metric, table=0):
    found = document.tables[table]
    keys = [column.key for column in found.columns]
    row = next(row for row in found.rows if row[keys.index("metric")].value == metric)
    return dict(zip(keys, row, strict=True))


def shown(cell):
    return f"{cell.text} {cell.detail}".strip()


def test_the_answer_comes_first(make):
    document = comparison_document([make.comparison()])
    assert document.title == "resnet50: plain -> se"
    assert isinstance(document.body[0], Paragraph)
    assert document.body[0].strong
    assert document.body[0].text.startswith("SE makes resnet50 1.8 % slower")


def test_latency_row(make):
    row = cells(comparison_document([make.comparison()]), "latency")
    assert row["metric"].text == "latency (ms)"
    assert shown(row["baseline"]) == "53.42 52.9-54.1"
    assert shown(row["candidate"]) == "54.38 53.9-55.2"
    assert shown(row["difference"]) == "+0.96 [0.64, 1.28]"
    assert shown(row["ratio"]) == "1.018 [1.012, 1.024]"
    assert (row["grade"].text, row["n"].text) == ("B", "6 x 8")


@pytest.mark.parametrize(
    ("metric", "texts"),
    [
        ("params", ["params (M)", "25.557", "28.088", "+2.531", "1.099"]),
        ("macs", ["MACs (G)", "3.8580", "3.8605", "+0.002515", "1.0007"]),
        ("paper_macs", ["paper GFLOPs", "3.8635", "3.8715", "+0.008034", "1.0021"]),
        # 251e6 / 2**20, 273e6 / 2**20
        ("bytes", ["bytes (MiB)", "239.37", "260.35", "+20.98", "1.088"]),
    ],
)
def test_exact_rows(make, metric, texts):
    row = cells(comparison_document([make.comparison()]), metric)
    assert [shown(row[key]) for key in ("metric", "baseline", "candidate", "difference", "ratio")] == texts
    assert (row["grade"].text, row["grade"].value, row["n"].text) == ("exact", "A", "")


def test_small_exact_counts_are_whole(make):
    row = cells(comparison_document([make.comparison(make.exact("params", "1", 900, 880))]), "params")
    assert [shown(row[key]) for key in ("metric", "baseline", "difference")] == ["params", "900", "-20.00"]


def test_no_change_is_zero_without_a_sign(make):
    row = cells(comparison_document([make.comparison(make.exact("macs", "MAC", 10**9, 10**9))]), "macs")
    assert (row["difference"].text, row["ratio"].text) == ("0", "1.0000")


def test_digits_follow_the_quartiles(make):
    # quartiles 0.012 ms apart: three decimals show two digits of that
    metric = make.latency(baseline=(0.053423, 0.053417, 0.053429), candidate=(0.054381, 0.05437, 0.05439))
    row = cells(comparison_document([make.comparison(metric)]), "latency")
    assert shown(row["baseline"]) == "53.423 53.417-53.429"


def test_both_sides_have_the_digits_of_the_difference(make):
    # Quartiles 11 ms apart, of medians of a millisecond, on a machine with a noisy neighbour
    metric = make.latency(
        baseline=(0.001012, 0.0009, 0.0124),
        candidate=(0.00139, 0.001, 0.0131),
        difference=(0.000378, 0.00034, 0.000415),  # half-width 0.0375 ms: two digits of it are three decimals
    )
    row = cells(comparison_document([make.comparison(metric)]), "latency")
    assert shown(row["baseline"]) == "1.012 1-12"
    assert shown(row["candidate"]) == "1.390 1-13"
    assert shown(row["difference"]) == "+0.378 [0.340, 0.415]"


def test_sides_without_an_interval_between_them_have_four_digits_of_the_difference(make):
    metric = make.latency(
        baseline=(0.001012, 0.0009, 0.0124),
        candidate=(0.00139, 0.001, 0.0131),
        difference=(0.000378, None, None),
        ratio=(1.37, None, None),
    )
    row = cells(comparison_document([make.comparison(metric)]), "latency")
    assert [shown(row[key]) for key in ("baseline", "candidate", "difference")] == [
        *("1.0120 1-12", "1.3900 1-13", "+0.3780"),
    ]


def test_unknown_values_are_dashes_and_say_why(make):
    document = comparison_document([make.comparison(make.unavailable())])
    row = cells(document, "latency")
    texts = [shown(row[key]) for key in ("metric", "baseline", "difference", "ratio", "n")]
    assert texts == ["latency", "-", "-", "unavailable", ""]
    assert "resnet50 se, latency: unavailable: process 3 ran out of memory" in document.notes


def test_a_ratio_without_interval_says_so(make):
    metric = make.latency(
        ratio=(1.01, math.nan, math.inf), difference=(0.001, None, None), processes=1, blocks=3
    )
    document = comparison_document([make.comparison(metric)])
    row = cells(document, "latency")
    assert shown(row["ratio"]) == "1.010 no interval"
    assert shown(row["difference"]) == "+1.000"
    assert any("not a finite number: ratio.ci_low, ratio.ci_high" in note for note in document.notes)


# --- the paper's figures --------------------------------------------------------------------------------


def test_paper_figures_only_where_the_network_is_the_papers(make):
    document = comparison_document([make.comparison()])
    assert "paper_ratio" not in [column.key for column in document.tables[0].columns]
    document = comparison_document([make.comparison()], as_published=True)
    assert shown(cells(document, "paper_macs")["paper_ratio"]) == "3.86/3.87 (1.0026)"
    assert shown(cells(document, "params")["paper_ratio"]) == "25.6/28.1 (1.098)"
    assert shown(cells(document, "latency")["paper_ratio"]) == "164/167 (1.018)"
    assert shown(cells(document, "macs")["paper_ratio"]) == ""
    assert any("Section 4" in note and "Table 7" in note and "Table 2" in note for note in document.notes)
    assert "the paper does not name its CPU: its ratio can be compared, its times cannot" in document.notes


def test_the_cpu_timing_goes_nowhere_else(make):
    large = Workload(input_shape=(1, 3, 256, 256))
    for pair in (
        make.comparison(make.latency(workload=large)),
        make.comparison(make.latency(), model="resnet101"),
        make.comparison(make.latency(workload=make.gpu_training)),
    ):
        document = comparison_document([pair], as_published=True)
        assert not any("name its CPU" in note for note in document.notes)
        assert "164" not in str(document.tables)


def test_one_sided_and_other_units(make):
    pair = make.comparison(make.exact("paper_macs", "MAC", 3_863_492_608, 3_900_000_000), candidate="se(r=8)")
    assert (
        shown(cells(comparison_document([pair], as_published=True), "paper_macs")["paper_ratio"]) == "3.86/-"
    )
    slow = make.latency(baseline=(1.5, 1.4, 1.6), candidate=(1.6, 1.5, 1.7))  # a row in seconds
    row = cells(comparison_document([make.comparison(slow)], as_published=True), "latency")
    assert row["paper_ratio"].text == "164 ms/167 ms"


def test_published_is_told_pair_by_pair(make):
    pairs = [make.comparison(), make.comparison()]
    (table,) = comparison_document(pairs, as_published=[True, False]).tables
    assert [shown(row[6]) != "" for row in table.rows if row[1].value == "latency"] == [True, False]
    with pytest.raises(ValueError, match="zip"):
        comparison_document(pairs, as_published=[True])


# --- several pairs and workloads ------------------------------------------------------------------------


def test_pairs_under_one_workload_share_a_table(make):
    document = comparison_document(make.several())
    (table,) = document.tables
    assert document.title == "3 comparisons"
    assert (
        table.title == "CPU inference, batch 1, float32, 2 threads"
    )  # sizes differ, so they go to the groups
    assert list(dict.fromkeys(row[0].text for row in table.rows)) == [
        "resnet50: plain -> se, 224x224",
        "inception_v3: plain -> se(r=8), 299x299",
        "mobilenet_v1: plain -> se, 224x224",
    ]


def test_each_workload_has_its_table(make):
    pair = make.comparison(*make.static(), make.latency(), make.latency(workload=make.gpu_training))
    tables = comparison_document([pair]).tables
    assert [table.title for table in tables] == [
        "CPU inference, batch 1, 224x224, float32, 2 threads",
        "cuda training, batch 256, 224x224, float32, 1 thread",
    ]
    assert [len(table.rows) for table in tables] == [6, 1]


def test_static_costs_alone(make):
    (table,) = comparison_document([make.comparison(*make.static())]).tables
    assert table.title == "Static costs"


def test_confidence_is_in_the_header_where_it_is_one(make):
    def detail(*metrics):
        (table,) = comparison_document([make.comparison(*metrics)]).tables
        return next(column.detail for column in table.columns if column.key == "ratio")

    assert detail(make.latency()) == "[95 % CI]"
    assert detail(make.latency(), make.latency(confidence=0.99)) == "[CI]"


def test_nothing_compared():
    document = comparison_document([])
    assert [part.text for part in document.body] == ["Nothing was compared."]
    assert document.notes == ()


# --- notes ----------------------------------------------------------------------------------------------


def test_notes_in_order(make):
    finding = Finding(code="canary-noisy", severity="warning", message="m", hint="h")
    pair = make.comparison(
        make.latency(findings=(finding,)),
        uncounted=(UncountedOp(op="aten.erf", calls=2), UncountedOp(op="aten.cumsum", calls=1)),
        findings=(finding,),
    )
    notes = comparison_document([pair], make.environment(), measured_at="2026-10-01T12:00:00Z").notes
    assert notes[0].startswith("paper GFLOPs = MACs + 1 per residual-add element + 1 per squeezed element")
    assert notes[1] == "resnet50: not counted, in no total: aten.erf (2 calls), aten.cumsum (1 call)"
    assert notes[2].startswith("latency: median and quartiles of 192 steps a side; n = processes x blocks")
    assert "hodges-lehmann/process-t" in notes[2]
    assert notes[3:] == (
        "canary-noisy: m; h",  # once, though the pair and the metric both carry it
        "steal-high: the host took 2.4 % of the CPU; measure when the neighbours are quiet",
        "machine: Example CPU 9000, 2 usable of 4 cores, 2 torch threads, kvm",
        "software: torch 2.15.0, python 3.11.7, sebench 0.1.0, Linux 6.1.0, 2026-10-01T12:00:00Z",
        "Absolute times on shared machines are not comparable between runs; the ratio is what was measured.",
    )


def test_scope_is_explained(make):
    metric = make.latency(scope="within-process", method="hodges-lehmann/signed-rank", processes=1, blocks=12)
    notes = comparison_document([make.comparison(metric)]).notes
    assert any("covers one process only, not variation between processes" in note for note in notes)


def test_two_networks_are_a_pair_of_their_own(make):
    pair = "nets.py:new against nets.py:old"
    networks = {"model": pair, "baseline": "nets.py:old", "candidate": "nets.py:new"}
    document = comparison_document([make.comparison(**networks)])
    assert document.title == pair
    both = comparison_document([make.comparison(**networks), make.comparison()])
    groups = {row[0].text for table in both.tables for row in table.rows}
    assert groups == {pair, "resnet50: plain -> se"}


# --- saved for backward ---------------------------------------------------------------------------------


SAVED = (
    SavedStage(stage="stem", baseline_bytes=2**20, candidate_bytes=2**20),
    SavedStage(stage="2", baseline_bytes=4 * 2**20, candidate_bytes=6 * 2**20),
    SavedStage(stage="", baseline_bytes=0, candidate_bytes=2**10),
)


def test_what_is_saved_for_backward_by_stage(make):
    document = comparison_document([make.comparison(saved_by_stage=SAVED)])
    table = document.tables[-1]
    assert table.title == "Saved for backward by stage"
    assert [column.title for column in table.columns] == [
        "stage", "baseline", "candidate", "difference", "ratio",
    ]  # fmt: skip
    assert {column.detail for column in table.columns[1:4]} == {"(MiB)"}
    assert [tuple(cell.text for cell in row) for row in table.rows] == [
        ("stem", "1.0000", "1.0000", "0", "1.0000"),
        ("2", "4.0000", "6.0000", "2.0000", "1.500"),
        ("(none)", "0", "0.00097656", "0.00097656", "-"),
        ("all", "5.0000", "7.0010", "2.0010", "1.400"),  # 7169 / 5120 KiB
    ]
    assert table.rows[-1][2].value == 7 * 2**20 + 2**10
    assert len(comparison_document([make.comparison()]).tables) == 1


def test_each_of_several_pairs_has_its_own(make):
    pairs = [make.comparison(saved_by_stage=SAVED), make.comparison(saved_by_stage=SAVED, model="resnet101")]
    assert [table.title for table in comparison_document(pairs).tables[1:]] == [
        "Saved for backward by stage, resnet50: plain -> se",
        "Saved for backward by stage, resnet101: plain -> se",
    ]
