"""`sebench.tune`: one thing at a time, and what it returns."""

import json

import pytest

import sebench
from sebench.errors import UsageError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "tune does one thing at a time; give max_overhead to search variants, drop, or forms"),
        ({"drop": True, "max_overhead": {"params": 1.1}}, "tune does one thing at a time"),
        ({"drop": True, "forms": True}, "tune does one thing at a time"),
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
        save=tmp_path / "results",
    )
    # 2 x 8464 of 10.96 million are 0.2 %, all of SE 0.8 %.
    assert {each.variant: each.fate for each in found.found.candidates} == {
        "se": "over",
        "se(stages=3)": "listed",
    }
    assert (found.best, found.verdict, repr(found)) == (None, None, "TuningResult(best=None, verdict=None)")
    assert json.loads(found.to_json())["mode"] == "search"
    assert "1 of 2 variants is within params:1.007" in str(found)
    assert not (tmp_path / "results").exists()  # nothing is measured


def test_gates():
    found = sebench.tune("cifar_wrn16_8", drop=True, dry_run=True, threads=1)
    assert (len(found.found.gates), found.best) == (6, None)
    assert "6 gates, those with most bytes first" in str(found)
    assert json.loads(found.to_json())["mode"] == "drop"
