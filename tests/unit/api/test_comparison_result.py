"""Overheads by metric and workload; what cannot be had is refused by name."""

import io
import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace
from rich.console import Console

import sebench
from sebench.api import ComparisonResults
from sebench.errors import DataFileError, NoResultsError, UnavailableError, UsageError
from sebench.reporting import render
from sebench.store import ResultStore, load_result
from tests import samples
from tests.interpreter import FRESH


def test_metrics_by_name(comparison_result):
    result = comparison_result()
    assert float(result.overhead("params")) == 1.1
    assert float(result.overhead("macs")) == 1001 / 1000
    assert result.overhead("latency").pair == "resnet50: plain -> se"


def test_the_repr_says_what_came_of_it(comparison_result):
    # params 110 / 100, MACs 1001 / 1000, latency as the fixture has it
    assert repr(comparison_result()) == (
        "ComparisonResult('resnet50: plain -> se', latency 1.073 [1.060, 1.085], params 1.100, macs 1.0010)"
    )
    dead = samples.measurement([samples.process([], error="a worker process was killed by SIGKILL")])
    assert "latency unavailable, params 1.100" in repr(comparison_result(measurements=(dead,)))


def test_the_frame_has_the_rows_and_columns_of_the_csv(comparison_result):
    result = comparison_result()
    frame = result.to_frame()
    text = render(result.document(), "csv")
    read = pd.read_csv(io.StringIO(text), dtype=dict(frame.dtypes))
    pd.testing.assert_frame_equal(read, frame)
    assert list(frame["metric"])[:3] == ["params", "macs", "paper_macs"]
    assert set(frame["result"]) == {result.result.id}
    latency = frame.set_index("metric").loc["latency"]
    assert round(latency["ratio"], 4) == 1.0725
    assert (latency["processes"], latency["threads"]) == (6, 2)


def test_consoles_and_notebooks_show_what_is_printed(comparison_result):
    result = comparison_result()
    console = Console(width=60, file=io.StringIO(), force_terminal=False)
    console.print(result)
    shown = console.file.getvalue()
    assert shown.endswith("was measured.\n")
    assert shown.split() == render(result.document(), "table", width=60).split()
    assert max(map(len, shown.splitlines())) <= 60
    assert result._repr_markdown_() == render(result.document(), "markdown")
    assert "| params |" in result._repr_markdown_()


@pytest.mark.parametrize(
    ("metric", "workload", "message"),
    [
        ("latncy", {}, "no metric 'latncy' in resnet50: plain -> se; did you mean 'latency'"),
        ("time", {}, "no metric 'time' .*; there are params, macs, paper_macs, flops, bytes, latency"),
        ("latency", {"phse": "training"}, "a workload has no 'phse'; did you mean 'phase'"),
        ("latency", {"phase": "training"}, "latency was not measured with phase='training'"),
    ],
)
def test_what_was_not_measured(comparison_result, metric, workload, message):
    with pytest.raises(UsageError, match=message):
        comparison_result().overhead(metric, **workload)


def test_several_workloads_are_told_apart(comparison_result):
    one = comparison_result().result.measurements[0]
    training = replace(one, workload=replace(samples.WORKLOAD, phase="training"))
    both = comparison_result(measurements=(one, training))
    with pytest.raises(UsageError, match="latency was measured under 2 workloads; name one"):
        both.overhead("latency")
    assert both.overhead("latency", phase="training").metric.workload.phase == "training"
    assert both.overhead("params", phase="training").metric.exact  # counted: no workload


def test_no_figure_is_an_error_with_its_reason(comparison_result):
    dead = samples.process([], error="a worker process was killed by SIGKILL")
    result = comparison_result(measurements=(samples.measurement([dead]),))
    with pytest.raises(UnavailableError, match="no latency overhead: a worker process was killed by SIGKILL"):
        result.overhead("latency")
    nothing = comparison_result(baseline_cost=samples.cost(0, 1000))
    with pytest.raises(UnavailableError, match="no params overhead: the baseline is zero"):
        nothing.overhead("params")


def test_saved_and_printed(comparison_result, tmp_path):
    result = comparison_result()
    assert load_result(result.save(str(tmp_path))) == result.result
    assert str(result).startswith("resnet50: plain -> se\n\nSE makes resnet50 7.3 % slower on this CPU")


@pytest.fixture
def stored(comparison_result, tmp_path, monkeypatch):
    """Two results in the usual place, one day apart."""
    monkeypatch.chdir(tmp_path)
    first = comparison_result().result
    second = replace(first, id="20260103T000000Z-b", created_at="2026-01-03T00:00:00+00:00")
    store = ResultStore(Path(".sebench/results"))
    return [store.add(result) for result in (first, second)]


def test_everything_that_is_stored_oldest_first(stored, comparison_result):
    found = sebench.load()
    assert [each.result.created_at[:10] for each in found] == ["2026-01-02", "2026-01-03"]
    assert found[0] == comparison_result()
    assert found[0].overhead("latency") < 1.10
    assert len(found[1:]) == 1
    many = ComparisonResults((found[0],) * 12)
    assert repr(many).splitlines()[-1] == "  and 2 more>"
    assert repr(found[:0]) == "<0 results>"
    assert repr(found).startswith("<2 results:\n  ComparisonResult('resnet50: plain -> se', latency 1.073")


@pytest.mark.parametrize("name", ["file", "directory", "id", "20260103"])
def test_by_file_directory_id_or_its_beginning(stored, name):
    names = {"file": stored[1], "directory": Path(".sebench/results"), "id": "20260103T000000Z-b"}
    found = sebench.load(names.get(name, name))
    assert found[-1].result.id == "20260103T000000Z-b"
    assert len(found) == (2 if name == "directory" else 1)


def test_a_result_that_is_named_twice_comes_once(stored):
    assert len(sebench.load(stored[0], "20260102", str(stored[0].parent))) == 2


def test_ids_are_looked_up_where_one_says(stored, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(sebench.load("20260103", results=tmp_path / ".sebench/results")) == 1


def test_one_frame_of_all(stored):
    found = sebench.load()
    frame = found.to_frame()
    assert len(frame) == len(found[0].to_frame()) + len(found[1].to_frame())
    assert list(frame.columns) == list(found[0].to_frame().columns)
    latency = frame[frame["metric"] == "latency"]
    assert list(latency["measured_at"].str[:10]) == ["2026-01-02", "2026-01-03"]
    assert [round(ratio, 4) for ratio in latency["ratio"]] == [1.0725, 1.0725]


def test_printed_together(stored):
    assert str(sebench.load()).startswith("2 comparisons\n")
    assert "| params |" in sebench.load()._repr_markdown_()


def test_nothing_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoResultsError, match="there are no results in .sebench/results; `sebench compare`"):
        sebench.load()
    with pytest.raises(DataFileError, match="no result '2026' in .sebench/results"):
        sebench.load("2026")


def test_an_empty_name_is_no_result(stored):
    with pytest.raises(DataFileError, match="no result ''"):
        sebench.load("")


def test_a_file_that_is_no_result_is_warned_of_among_others_and_refused_by_name(stored):
    damaged = stored[0].with_name("20260104T000000Z-c.json")
    damaged.write_text(json.dumps({"schema": "sebench/1"}))
    with pytest.warns(UserWarning, match="20260104T000000Z-c.json .*skipped"):
        assert len(sebench.load(stored[0].parent)) == 2
    with pytest.raises(DataFileError, match="20260104T000000Z-c.json"):
        sebench.load(damaged)


def test_nothing_heavy_is_imported_before_it_is_used(stored):
    code = (
        "import sys, sebench\n"
        "found = sebench.load()\n"
        "print(found), repr(found), found[0].overhead('latency') < 1.10\n"
        "assert not {'torch', 'pandas'} & set(sys.modules)\n"
        "found.to_frame()\n"
        "assert 'pandas' in sys.modules and 'torch' not in sys.modules\n"
    )
    done = subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
