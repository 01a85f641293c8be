"""From axes to cases: which, in what order, each once, and named by what they are."""

import re
import subprocess

import pytest

from sebench.configuration.sweep import Axis, Entry, MeasureSettings, SweepSettings
from sebench.errors import BuildError, UnknownModelError, UsageError, VariantError
from sebench.runner.sweeping.estimate import Estimate
from sebench.runner.sweeping.expansion import case_words, expand, shard
from sebench.schema import NetworkOptions
from sebench.schema.sweep import CaseOutcome
from tests.interpreter import FRESH


def settings(include=(), exclude=(), measure=None, options=None, **axes):
    def entries(key, given):
        return tuple(
            Entry({name: _tuple(value) for name, value in entry.items()}, f"s.toml: [{key} #{number}]")
            for number, entry in enumerate(given, 1)
        )

    return SweepSettings(
        axes={name: Axis(_tuple(values), f"s.toml: [axes] {name}:") for name, values in axes.items()},
        include=entries("include", include),
        exclude=entries("exclude", exclude),
        options=options or NetworkOptions(),
        measure=measure or MeasureSettings(),
    )


def _tuple(value):
    return tuple(value) if isinstance(value, list) else (value,)


def words(**given):
    return [case_words(case) for case in expand(settings(**given), seed=1).cases]


def test_the_last_axis_of_the_catalogue_changes_fastest():
    assert words(model=["resnet50", "alexnet"], threads=[1, 2], batch_size=[8]) == [
        "resnet50 se --batch-size 8 --threads 1",
        "resnet50 se --batch-size 8 --threads 2",
        "alexnet se --batch-size 8 --threads 1",
        "alexnet se --batch-size 8 --threads 2",
    ]


def test_networks_of_others_get_the_variant_that_compare_takes():
    asked = []

    def usual(spec, shape):
        asked.append((spec.model, shape))
        return "asis"

    given = settings(model=["alexnet", "torchvision:mobilenet_v3_large"], batch_size=[1, 8])
    cases = expand(given, seed=1, usual_candidate=usual).cases
    assert [case.variant for case in cases] == ["se", "se", "asis", "asis"]
    assert asked == [("torchvision:mobilenet_v3_large", (1, 3, 224, 224))]  # once, at batch 1


def test_a_network_that_cannot_be_counted_is_a_case_of_its_own():
    def usual(spec, shape):
        raise BuildError("it takes tokens")

    given = settings(model=["torchvision:mobilenet_v3_large", "alexnet"])
    cases = expand(given, seed=1, usual_candidate=usual).cases
    assert [case.variant for case in cases] == ["asis", "se"]


def test_spelled_differently_a_case_is_one_and_that_is_said():
    found = expand(settings(model="resnet50", variant=["se", "SE( r = 16 )", "eca"]), seed=1)
    assert [case.variant for case in found.cases] == ["se", "eca"]
    assert found.notes == ("1 case is listed more than once and measured once: resnet50 se",)


def test_sizes_of_images_have_one_spelling():
    assert words(model="resnet50", image_size=[224, "224", "224x224"]) == ["resnet50 se --image-size 224"]


def test_exclude_takes_all_that_match_every_key():
    excluded = {"model": "resnet50", "batch_size": [8, 16], "variant": "se(r=16)"}
    assert words(model=["resnet50", "alexnet"], batch_size=[1, 8], exclude=[excluded]) == [
        "resnet50 se --batch-size 1",
        "alexnet se --batch-size 1",
        "alexnet se --batch-size 8",
    ]


def test_an_exclude_that_matches_nothing_is_told():
    found = expand(settings(model="resnet50", exclude=[{"model": "resnet101"}]), seed=1)
    assert found.notes == ("warning: s.toml: [exclude #1] excludes nothing",)
    assert len(found.cases) == 1


def test_include_adds_cases_and_takes_what_is_decided():
    included = [{"model": "alexnet", "batch_size": 4}]
    assert words(model="resnet50", batch_size=[1, 8], threads=2, include=included) == [
        "resnet50 se --batch-size 1 --threads 2",
        "resnet50 se --batch-size 8 --threads 2",
        "alexnet se --batch-size 4 --threads 2",
    ]


def test_include_is_not_excluded():
    one = {"model": "resnet50", "batch_size": 8}
    assert words(model="resnet50", batch_size=[1, 8], exclude=[one], include=[one]) == [
        "resnet50 se --batch-size 1",
        "resnet50 se --batch-size 8",
    ]


def test_include_alone_is_a_sweep():
    assert words(include=[{"model": "alexnet", "batch_size": 4}]) == ["alexnet se --batch-size 4"]


@pytest.mark.parametrize(
    ("given", "error", "problem"),
    [
        ({}, UsageError, "the matrix has no model; name one: -m resnet50, or model = [...] in [axes]"),
        ({"model": "resnt50"}, UnknownModelError, "[axes] model: unknown model 'resnt50'; did you mean"),
        (
            {"model": "gone.py:net"},
            UnknownModelError,
            "unknown model 'gone.py:net': there is no file gone.py",
        ),
        (
            {"model": "alexnet", "variant": "sq"},
            VariantError,
            "[axes] variant: variant 'sq': unknown attention",
        ),
        ({"model": "alexnet", "baseline": "sq"}, VariantError, "[axes] baseline: variant 'sq'"),
        (
            {"model": "alexnet", "exclude": [{"model": "alexnet"}]},
            UsageError,
            "the matrix is empty: every case is excluded; remove an [[exclude]] entry",
        ),
        (
            {"model": "alexnet", "threads": [1, 2], "include": [{"model": "resnet50"}]},
            UsageError,
            "s.toml: [include #1] does not say threads, which is 1, 2 in [axes]; say which",
        ),
        (
            {"threads": 1, "include": [{"batch_size": 1}]},
            UsageError,
            "s.toml: [include #1] does not say a model; name one",
        ),
        ({"model": "alexnet", "include": [{"model": "alexnt"}]}, UnknownModelError, "[include #1] model:"),
        (
            {"model": "alexnet", "measure": MeasureSettings(budget=1e9)},
            UsageError,
            "--budget 1e+09 is not a positive number of seconds up to",
        ),
        (
            {"model": "alexnet", "measure": MeasureSettings(timeout=1e9)},
            UsageError,
            "--timeout 1e+09 is more than 2592000 seconds (30 days)",
        ),
    ],
)
def test_what_no_case_can_mean_is_refused(given, error, problem):
    with pytest.raises(error, match=re.escape(problem)):
        expand(settings(**given), seed=1)


def test_a_combination_that_does_not_fit_is_a_case_all_the_same():
    """It is skipped with its reason where it is planned, and the others go on."""
    assert words(model=["resnet50", "mobilenet_v1"], variant="se(position=3x3)") == [
        "resnet50 se(position=3x3)",
        "mobilenet_v1 se(position=3x3)",
    ]


# --- ids ------------------------------------------------------------------------------------------------


def only(**given):
    (case,) = expand(settings(**given), seed=1).cases
    return case


def test_an_id_is_the_same_in_every_process():
    code = (
        "from tests.unit.runner.test_sweep_expansion import only; "
        "print(only(model='resnet50', batch_size=8, threads=2).id)"
    )
    printed = subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == only(model="resnet50", batch_size=8, threads=2).id


def test_an_id_is_of_what_is_measured_and_how_hard():
    same = only(model="resnet50", measure=MeasureSettings(effort="quick", timeout=5.0))
    assert same.id == only(model="resnet50").id
    others = [
        only(model="resnet101"),
        only(model="resnet50", variant="eca"),
        only(model="resnet50", baseline="eca"),
        only(model="resnet50", batch_size=1),
        only(model="resnet50", options=NetworkOptions(num_classes=10)),
        only(model="resnet50", measure=MeasureSettings(effort="standard")),
        only(model="resnet50", measure=MeasureSettings(budget=5.0)),
    ]
    assert len({same.id, *(other.id for other in others)}) == 8


def test_what_goes_without_saying_makes_no_other_case():
    same = only(model="resnet50", threads=2)
    usual = {"phase": "inference", "device": "auto", "dtype": "float32", "runtime": "eager", "world_size": 1}
    assert only(model="resnet50", threads=2, **usual).id == same.id
    assert only(model="resnet50", threads=2, dtype="bfloat16").id != same.id
    assert only(model="resnet50", threads=2, device="cpu").id != same.id


def test_an_edit_of_a_file_makes_another_case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text("from layers import conv\n\n\ndef net():\n    return conv()\n")
    (tmp_path / "layers.py").write_text("def conv():\n    pass\n")
    (tmp_path / "notes.py").write_text("")
    first = only(model="nets.py:net", variant="se").id
    (tmp_path / "notes.py").write_text("nobody imports it")
    assert only(model="nets.py:net", variant="se").id == first
    (tmp_path / "layers.py").write_text("def conv():\n    return None\n")
    second = only(model="nets.py:net", variant="se").id
    (tmp_path / "nets.py").write_text("def net():\n    pass\n")
    assert len({first, second, only(model="nets.py:net", variant="se").id}) == 3


def test_seeds_of_cases_follow_from_that_of_the_sweep():
    cases = expand(settings(model=["resnet50", "alexnet"]), seed=5).cases
    assert [case.seed for case in cases] == [(5 + int(case.id, 16)) % 2**31 for case in cases]


# --- shards ---------------------------------------------------------------------------------------------


def test_every_case_is_in_one_shard():
    cases = expand(
        settings(model=["resnet50", "alexnet"], batch_size=[1, 2, 4], threads=[1, 2]), seed=1
    ).cases
    parts = [shard(cases, index, 5) for index in range(1, 6)]
    assert sorted(case.id for part in parts for case in part) == sorted(case.id for case in cases)
    assert [len(part) for part in parts] == [3, 3, 2, 2, 2]  # 12 = 2 x 3 + 3 x 2
    assert shard(cases, 1, 1) == cases
    assert shard(tuple(reversed(cases)), 2, 5) == tuple(reversed(parts[1]))


# --- estimates ------------------------------------------------------------------------------------------


def outcome(case, wall_s, status="done"):
    return CaseOutcome(id=case.id, status=status, wall_s=wall_s)


def test_cases_take_what_their_effort_aims_at():
    cases = expand(settings(model=["resnet50", "alexnet"]), seed=1).cases
    assert Estimate(cases).whole_s(cases) == 24.0  # quick: 12 s each
    limited = expand(settings(model="resnet50", measure=MeasureSettings(budget=5.0)), seed=1).cases
    assert Estimate(limited).whole_s(limited) == 5.0
    short = expand(settings(model="resnet50", measure=MeasureSettings(timeout=3.0)), seed=1).cases
    assert Estimate(short).whole_s(short) == 3.0


def test_what_was_measured_before_says_more():
    first, second, third = expand(settings(model=["resnet50", "alexnet", "vgg16_bn"]), seed=1).cases
    estimate = Estimate((first, second, third), [outcome(first, 24.0), outcome(second, 1.0, "failed")])
    assert estimate.case_s(first) == 24.0
    assert estimate.case_s(second) == 24.0  # 12 s x 24 / 12, as the only one that is done
    estimate.learn(outcome(second, 48.0))
    assert estimate.case_s(third) == 36.0  # 12 s x the median of 2 and 4
    assert estimate.whole_s((first, second, third)) == 24.0 + 48.0 + 36.0
