"""`sebench.tune`: one thing at a time, and what it returns."""

import io
import json

import pandas as pd
import pytest
from msgspec.structs import replace

import sebench
from sebench.api import TuningResult, tuning
from sebench.errors import UsageError
from sebench.reporting.formats import render
from sebench.schema import (
    DropRanking,
    ExactCost,
    GateCost,
    Limit,
    ModelSpec,
    Search,
    SearchCandidate,
    Tuning,
    Workload,
)
from sebench.schema.tuning import Candidate
from tests import samples

NET = ModelSpec(model="net", variant="plain")
WORKLOAD = Workload(input_shape=(1, 3, 8, 8), threads=1)


def cost(params, moved, sites):
    return ExactCost(
        params=params, macs=5, paper_macs=5, flops=9, bytes=moved, sites=sites, attention_params=params - 10
    )


FOUND = Search(
    spec=NET,
    workload=WORKLOAD,
    plain=cost(10, 4, 0),
    limits=(Limit(metric="params", ratio=1.2),),
    prefer="attention",
    candidates=(
        SearchCandidate(variant="se", fate="listed", cost=cost(11, 5, 2)),
        SearchCandidate(variant="se(r=8)", fate="failed", reason="it cannot be built"),
    ),
    planned=(),
    planned_s=9.0,
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {},
            "tune needs to know what to try; add max_overhead={'latency': 1.02}, drop=True or forms=True",
        ),
        ({"drop": True, "max_overhead": {"params": 1.1}}, "drop does not go with max_overhead and what is"),
        ({"drop": True, "forms": True}, "drop does not go with forms; leave one of them out"),
        (
            {"max_overhead": {"params": 1.1}, "top": 2},
            "top does not go with a search, whose variants are all",
        ),
        ({"max_overhead": {"params": 1.1}, "variant": "se"}, "variant does not go with a search"),
        (
            {"max_overhead": {"params": 1.1}, "prefer": "speed"},
            "no preference 'speed'; choose from attention",
        ),
        ({"max_overhead": {"params": 1.1}, "prefer": "costs"}, "no preference 'costs'; did you mean 'cost'"),
        ({"drop": True, "prefer": "cost"}, "prefer does not go with drop; leave it out"),
        ({"forms": True}, "dry_run does not go with forms; leave it out"),
        ({"axes": {"r": (8,)}}, "a search needs a limit"),
        ({"max_overhead": {"params": 4}, "axes": {"r": (0,)}}, "--r 0: r must be a whole number"),
        ({"max_overhead": {"parms": 1.1}}, "unknown metric 'parms'; did you mean 'params'"),
        ({"max_overhead": {"params": 104}}, "limit 'params:104': 104 allows 104 times the old value"),
        ({"max_overhead": {"params": 1.1}, "kinds": "se"}, "kinds is 'se', a str; it takes a sequence"),
        (
            {"max_overhead": {"params": 1.1}, "forms": "fused"},
            "forms is 'fused', a str; it takes True, False",
        ),
    ],
)
def test_what_cannot_be_meant(given, message):
    with pytest.raises(UsageError) as caught:
        sebench.tune("cifar_wrn16_8", dry_run=True, **given)
    assert message in str(caught.value)


def test_what_it_returns(tmp_path):
    found = sebench.tune(
        "cifar_wrn16_8",
        max_overhead={"params": 1.007},
        axes={"r": (16,), "stages": ("2-4", "3")},
        dry_run=True,
        threads=1,
        save=str(tmp_path / "results"),
    )
    # 2 x 8464 of 10.96 million are 0.2 %, all of SE 0.8 %.
    assert {each.variant: each.fate for each in found.found.candidates} == {
        "se": "over",
        "se(stages=3)": "listed",
    }
    assert (found.best, found.verdict) == (None, None)
    assert repr(found).startswith(
        "TuningResult('cifar_wrn16_8', best=None: 1 of 2 variants is within params:1.007; measuring takes"
    )
    assert json.loads(found.to_json())["mode"] == "search"
    assert "1 of 2 variants is within params:1.007" in str(found)
    assert not (tmp_path / "results").exists()  # nothing is measured


def test_gates():
    found = sebench.tune("cifar_wrn16_8", drop=True, dry_run=True, threads=1)
    assert (len(found.found.gates), found.best) == (6, None)
    assert "6 gates, those with most bytes first" in str(found)
    assert json.loads(found.to_json())["mode"] == "drop"


def test_an_axis_takes_one_value_as_it_is():
    found = sebench.tune(
        "cifar_wrn16_8", max_overhead={"params": 2}, axes={"r": 8, "stages": "3"}, dry_run=True, threads=1
    )
    assert [each.variant for each in found.found.candidates] == ["se(r=8,stages=3)"]


def test_a_folder_may_be_a_text(monkeypatch, tmp_path):
    result = samples.result(samples.measurement([samples.process([samples.block(1.0, 1.1)], 0)]))
    measured = replace(result, id="searched")

    def search(request, context, keep):
        keep(measured)
        return FOUND

    monkeypatch.setattr(tuning, "search", search)
    found = sebench.tune("resnet50", max_overhead={"params": 1.1}, save=str(tmp_path / "results"))
    assert found.found is FOUND
    assert (tmp_path / "results" / "searched.json").is_file()


def test_a_frame_of_a_search_has_the_rows_of_the_csv():
    frame = TuningResult(FOUND).to_frame()
    # 11 parameters over 10, 5 bytes over 4; se(r=8) could not be counted.
    assert list(frame["variant"]) == ["plain", "se", "se(r=8)"]
    assert list(frame["params"].dropna()) == [1.0, 1.1]
    assert list(frame["bytes"].dropna()) == [1.0, 1.25]
    assert (str(frame["sites"].dtype), str(frame["ci_low"].dtype)) == ("Int64", "float64")
    assert frame.loc[2, ["params", "sites", "ratio", "grade"]].isna().all()
    csv = pd.read_csv(io.StringIO(render(TuningResult(FOUND).document(), "csv")))
    assert list(frame.columns) == list(csv.columns)
    assert list(frame["about"].fillna("")) == list(csv["about"].fillna(""))


def test_a_frame_of_gates_counts_them():
    gate = GateCost(path="a.se", stage="2", variant="se(without=a.se)", params=12, macs=3, bytes=4)
    found = TuningResult(DropRanking(spec=NET, workload=WORKLOAD, gates=(gate,), planned_s=9.0))
    frame = found.to_frame()
    assert list(frame.columns) == render(found.document(), "csv").splitlines()[0].split(",")
    assert frame.loc[0, ["path", "params", "macs", "bytes"]].to_list() == ["a.se", 12, 3, 4]
    assert frame.loc[0, ["rank", "ratio"]].isna().all()
    assert repr(found) == "TuningResult('net', best=None: No gate could be measured: )"


def test_a_frame_of_spellings_has_nothing_where_nothing_was_measured():
    failed = Candidate(variant="se(form=fused)", reason="it does not run")
    found = TuningResult(Tuning(spec=NET, workload=WORKLOAD, candidates=(failed,)))
    frame = found.to_frame()
    assert render(found.document(), "csv") == (
        "variant,latency,ratio,grade,about\nse(form=fused),,,,it does not run\n"
    )
    assert frame.loc[0, ["variant", "about"]].to_list() == ["se(form=fused)", "it does not run"]
    assert frame.loc[0, ["latency", "ratio", "grade"]].isna().all()
    assert repr(found) == (
        f"TuningResult('net', best=None: No form is faster than plain as written in {WORKLOAD.runtime})"
    )
