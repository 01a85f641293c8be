"""Overheads by metric and workload; what cannot be had is refused by name."""

import io

import pandas as pd
import pytest
from msgspec.structs import replace
from rich.console import Console

from sebench.errors import UnavailableError, UsageError
from sebench.reporting import render
from sebench.store import load_result
from tests import samples


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
    assert load_result(result.save(tmp_path)) == result.result
    assert str(result).startswith("resnet50: plain -> se\n\nSE makes resnet50 7.3 % slower on this CPU")
