"""Which variants a search tries, and how many rounds that takes."""

import pytest

from sebench.errors import BudgetError, UsageError
from sebench.runner.planning.plan import timing_policy
from sebench.runner.tuning.search import (
    SearchRequest,
    planned_rounds,
    planned_seconds,
    require_covered,
    require_searched,
    stages_in,
)
from sebench.runner.tuning.space import Axes, search_variants, stage_runs
from sebench.schema import (
    ATTENTION_KINDS,
    SEARCH_AXES,
    Limit,
    ModelSpec,
    SiteCost,
    StaticCost,
    WorkloadRequest,
)

SPEC = ModelSpec(model="resnet50", variant="se")


def variants(stages=(2, 3), forms=(), **said):
    return search_variants(Axes(**said), stages, forms, SPEC)


def test_runs_of_stages():
    assert stage_runs((2, 3, 4)) == ("2-4", "2-3", "3-4", "2", "3", "4")
    assert stage_runs((1,)) == ("1",)


def test_without_a_word_se_in_every_run_of_stages_at_three_ratios():
    assert variants() == (
        "se(r=8)", "se(r=8,stages=2)", "se(r=8,stages=3)",
        "se", "se(stages=2)", "se(stages=3)",
        "se(r=32)", "se(r=32,stages=2)", "se(r=32,stages=3)",
    )  # fmt: skip


def test_every_option_is_an_axis_of_the_kinds_that_have_it():
    found = variants(kinds=("se", "eca"), options={"r": ("8",), "stages": ("2",), "k": ("3", "adaptive")})
    assert found == ("se(r=8,stages=2)", "eca(stages=2,k=3)", "eca(stages=2)")
    found = variants(
        options={"r": ("16",), "stages": ("2-3",), "position": ("standard", "pre"), "bias": ("true", "false")}
    )
    assert found == ("se", "se(bias=false)", "se(position=pre)", "se(position=pre,bias=false)")


def test_forms_multiply_the_kinds_that_have_them():
    found = variants(
        kinds=("se", "eca"),
        options={"r": ("16",), "stages": ("2-3",)},
        forms=(("pooled",), ("pooled", "fused")),
    )
    assert found == ("se", "se(form=pooled)", "se(form=pooled+fused)", "eca")


def test_the_axes_are_those_of_the_catalogue():
    names = {option.name for kind in ATTENTION_KINDS.values() for option in kind.options}
    assert set(SEARCH_AXES) == names - {"form"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kinds": ("sa",)}, "--kind 'sa' is no kind of attention; choose from se, ese, eca"),
        ({"options": {"r": ("0",)}}, "--r 0: r must be a whole number of at least 1, not '0'"),
        ({"options": {"stage": ("2",)}}, "'stage' is no option of attention; did you mean 'stages'"),
        (
            {"options": {"dilation": ("2",)}},
            "--dilation: se has no such option; add a --kind that has: bam",
        ),
        ({"options": {"position": ("middle",)}}, "--position middle: unknown position value 'middle'"),
        (
            {
                "kinds": ("ge",),
                "options": {"extent": ("globl",)},
            },
            "--extent globl: unknown extent value 'globl'; did you mean 'global'?",
        ),
    ],
)
def test_what_cannot_be_meant(said, message):
    with pytest.raises(UsageError) as caught:
        variants(**said)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_stages_of_counts():
    def counted(*stages):
        sites = tuple(SiteCost(path=stage, stage=stage, params=1) for stage in stages)
        return StaticCost(input_shape=(1,), params=1, buffers=0, sites=sites)

    assert stages_in(counted("2", "2", "5", "3")) == (2, 3, 5)
    # By the stride of networks of others, k at 2**k: log2(17) is nearest to 4.
    assert stages_in(counted("stride 4", "stride 8", "stride 17", "head")) == (2, 3, 4)


def test_rounds_halve_the_candidates_and_double_the_time():
    quick = timing_policy("quick")
    rounds = planned_rounds(30, quick)
    # 30 -> 15 -> 8 -> 4; 12 s / 12 is less than the 8 s that a process needs, and none takes more than 12 s
    assert [(each.candidates, each.each_s, each.blocks) for each in rounds] == [
        (30, 8.0, 6),
        (15, 12.0, 12),
        (8, 12.0, 24),
        (4, 12.0, 12),
    ]
    assert [each.is_last for each in rounds] == [False, False, False, True]
    # 240 + 180 + 96 + 48, and 12 once more
    assert planned_seconds(rounds, quick, confirm=True) == 576.0
    assert planned_seconds(rounds, quick, confirm=False) == 564.0
    assert planned_rounds(0, quick) == ()
    (only,) = planned_rounds(3, timing_policy("standard"))
    assert (only.candidates, only.processes, only.each_s) == (3, 6, 40.0)


@pytest.mark.parametrize(
    ("candidates", "confirm", "least_s", "what"),
    [
        # 8 s each: 3 + 1, 1 + 0, and 30 + 15 + 8 + 4 + 1 = 58
        (3, True, 32, "3 candidates, and the best again"),
        (1, False, 8, "1 candidate"),
        (30, True, 464, "30 candidates in 4 rounds, and the best again"),
    ],
)
def test_a_budget_covers_all_rounds_and_the_second_measurement(candidates, confirm, least_s, what):
    rounds = planned_rounds(candidates, timing_policy("quick"))

    def asked(budget_s):
        return SearchRequest(
            model="resnet50",
            workload=WorkloadRequest(),
            axes=Axes(),
            limits=(),
            confirm=confirm,
            budget_s=budget_s,
        )

    require_covered(rounds, asked(None))
    require_covered(rounds, asked(least_s))
    with pytest.raises(BudgetError) as caught:
        require_covered(rounds, asked(least_s - 1))
    assert str(caught.value) == (
        f"--budget {least_s - 1} is too small to measure {what};"
        f" allow at least --budget {least_s}, or try fewer"
    )


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((), "a search needs a limit; add --max-overhead latency:1.02, or params:1.04"),
        ((("energy", 1.1),), "--max-overhead energy:1.1: tune searches by latency, params, macs"),
        (
            (("params", 1.1), ("params", 1.2)),
            "--max-overhead params:1.2: there is another limit on params",
        ),
    ],
)
def test_limits_that_no_search_holds(limits, message):
    with pytest.raises(UsageError) as caught:
        require_searched([Limit(metric=metric, ratio=ratio) for metric, ratio in limits])
    assert message in str(caught.value)
