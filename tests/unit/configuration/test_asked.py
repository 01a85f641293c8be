"""What a gate may be asked for: one gate each, and contradictions in one line."""

from pathlib import Path

import pytest

from sebench.configuration import Asked, settings_of
from sebench.errors import UsageError
from sebench.schema import NOTHING_SAID, WorkloadRequest

NOTHING = {
    "models": (),
    "variants": (),
    "baseline": None,
    "candidate": None,
    "base_ref": None,
    "against": (),
    "max_overhead": (),
    "margin": (),
    "workload": NOTHING_SAID,
}


def asked(**given):
    return Asked(**{**NOTHING, **given})


def test_nothing_said_leaves_it_to_the_configuration():
    assert asked().nothing
    assert asked(workload=WorkloadRequest(threads=1)).nothing
    for given in (
        {"models": ["resnet50"]},
        {"variants": ["se"]},
        {"baseline": "plain"},
        {"candidate": "n.py:f"},
        {"base_ref": "main"},
        {"base_ref": ""},
        {"against": [Path("a.json")]},
        {"max_overhead": ["params:1.1"]},
        {"margin": ["params:1.1"]},
    ):
        assert not asked(**given).nothing


def test_ceilings_for_every_model_and_variant():
    settings = settings_of(
        asked(
            models=["resnet50", "vgg16_bn", "resnet50"],
            variants=["se", "se(r=8)"],
            max_overhead=["latency:1.1", "params:1.2"],
            workload=WorkloadRequest(threads=2),
        )
    )
    assert [(each.model, each.variant) for each in settings.ceiling] == [
        ("resnet50", "se"),
        ("resnet50", "se(r=8)"),
        ("vgg16_bn", "se"),
        ("vgg16_bn", "se(r=8)"),
    ]
    assert {each.baseline for each in settings.ceiling} == {"plain"}
    assert settings.ceiling[0].max_overhead == {"latency": 1.1, "params": 1.2}
    assert settings.ceiling[0].threads == 2
    (alone,) = settings_of(asked(models=["resnet50"], max_overhead=["params:1.2"], baseline="se")).ceiling
    assert (alone.variant, alone.baseline) == (None, "se")


def test_a_ref_for_every_model():
    settings = settings_of(asked(models=["nets.py:a", "nets.py:b"], base_ref="main", margin=["latency:1.05"]))
    assert [(each.model, each.ref) for each in settings.base_ref] == [
        ("nets.py:a", "main"), ("nets.py:b", "main"),
    ]  # fmt: skip
    assert settings.ceiling == settings.factories == settings.stored == ()


def test_two_factories_and_stored_results():
    (pair,) = settings_of(
        asked(baseline="nets.py:old", candidate="nets.py:new", margin=["latency:1.05"])
    ).factories
    assert (pair.baseline, pair.candidate, pair.margin) == ("nets.py:old", "nets.py:new", {"latency": 1.05})
    results = settings_of(
        asked(against=[Path("a.json"), Path("b.json"), Path("a.json")], margin=["latency:1.05"])
    ).stored
    assert [each.result for each in results] == ["a.json", "b.json"]


LIMIT, MARGIN = ["latency:1.1"], ["latency:1.1"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": ["resnet50"]}, "nothing to check: there is no limit"),
        ({"models": ["resnet50"], "margin": MARGIN}, "--margin needs something to compare with"),
        ({"max_overhead": LIMIT}, "--max-overhead needs a network"),
        ({"base_ref": "main", "margin": MARGIN}, "--base-ref needs a network"),
        ({"base_ref": "main", "models": ["n.py:f"]}, "--base-ref needs a limit; add --margin"),
        ({"candidate": "n.py:f", "margin": MARGIN}, "--candidate n.py:f needs a --baseline"),
        ({"candidate": "n.py:f", "baseline": "n.py:g"}, "--candidate needs a limit"),
        ({"against": [Path("a.json")]}, "--against needs a limit"),
        (
            {"models": ["a"], "max_overhead": LIMIT, "margin": MARGIN},
            "--margin cannot be combined with --max-overhead",
        ),
        (
            {"models": ["a"], "base_ref": "main", "candidate": "n.py:f", "margin": MARGIN},
            "--base-ref and --candidate cannot be combined",
        ),
        (
            {"models": ["a"], "base_ref": "main", "against": [Path("a")], "margin": MARGIN},
            "--base-ref and --against cannot be combined",
        ),
        (
            {"models": ["a"], "against": [Path("a")], "max_overhead": LIMIT},
            "--against and --max-overhead cannot be combined",
        ),
        (
            {"models": ["a"], "base_ref": "main", "variants": ["se"], "margin": MARGIN},
            "--variant cannot be combined with --base-ref",
        ),
        (
            {"models": ["a"], "base_ref": "main", "baseline": "se", "margin": MARGIN},
            "--baseline cannot be combined with --base-ref",
        ),
        (
            {"models": ["a"], "candidate": "n.py:f", "baseline": "n.py:g", "margin": MARGIN},
            "--model cannot be combined with --candidate",
        ),
        (
            {"variants": ["se"], "candidate": "n.py:f", "baseline": "n.py:g", "margin": MARGIN},
            "--variant cannot be combined with --candidate",
        ),
        (
            {"models": ["a"], "against": [Path("a")], "margin": MARGIN},
            "--model cannot be combined with --against",
        ),
        (
            {"against": [Path("a")], "margin": MARGIN, "workload": WorkloadRequest(runtime="eager")},
            "--runtime cannot be combined with --against",
        ),
        ({"models": ["a"], "max_overhead": ["latency:1.1", "latency:1.2"]}, "latency has two limits"),
        ({"models": ["a"], "max_overhead": ["latncy:1.1"]}, "unknown metric 'latncy'; did you mean"),
        ({"models": ["a"], "max_overhead": ["latency"]}, "limit 'latency' has no ratio"),
        *(
            ({"models": ["a"], "max_overhead": [f"latency:{number}"]}, "is not a positive, finite ratio")
            for number in ("0", "-1", "nan", "inf", "-inf", "1e999")
        ),
    ],
)
def test_contradictions_and_gaps_are_one_line(given, message):
    with pytest.raises(UsageError) as caught:
        settings_of(asked(**given))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
