"""`sebench tune --max-overhead` and `--drop` through the real command, on a clock that is told the time."""

import json
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sebench
from sebench.cli import app
from sebench.errors import BudgetError, Interrupted
from sebench.profilers.environment import capture_environment
from sebench.runner.measuring.context import Host
from sebench.runner.tuning import measuring
from tests.workers import steady, varied

NET = "cifar_wrn16_8"
"""Two blocks in each of the stages 2, 3 and 4, 128, 256 and 512 channels wide."""
STEP_S = 0.2
RATIOS = {
    "plain": 1.0,
    "se": 1.06,
    "se(stages=2-3)": 1.04,
    "se(stages=3-4)": 1.015,
    "se(stages=2)": 1.03,
    "se(stages=3)": 1.01,
    "se(stages=4)": 1.005,
}
SE_PARAMS = {128: 2184, 256: 8464, 512: 33312}
"""Of one block: 2 C h + h + C with h = C / 16: 2 x 128 x 8 + 8 + 128 = 2184 ..."""
captured = cache(capture_environment)


@pytest.fixture
def tune(tmp_path, monkeypatch, shared_cache):
    """Run ``sebench tune ARGUMENTS`` on a machine on which variants take what `ratios` says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))

    def run(*arguments, ratios=RATIOS, code=0, model=NET, seed=1, effort="quick"):
        steps = tmp_path / "steps.json"
        steps.write_text(json.dumps({variant: STEP_S * ratio for variant, ratio in ratios.items()}))
        host = Host(
            command=(sys.executable, str(Path(varied.__file__)), str(steps)),
            capture_environment=captured,
            read_probe=steady.quiet_probe,
            findings_for=lambda environment, **workload: (),
        )
        usual = ("--threads", 1, "--device", "cpu", "--effort", effort, "--seed", seed)
        words = map(str, ("tune", "-m", model, *arguments, *usual))
        done = CliRunner().invoke(app, list(words), obj=host)
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
        return done

    return run


def found(done):
    content = json.loads(done.stdout)
    assert (content["schema"], content["kind"]) == ("sebench/1", "tuning")
    return content


def by_variant(content):
    return {each["variant"]: each for each in content["candidates"]}


# --- a search -------------------------------------------------------------------------------------------


def test_most_attention_within_the_limit_is_confirmed_in_fresh_processes(tune, tmp_path):
    done = tune("--r", 16, "--max-overhead", "latency:1.02", "--format", "json")
    content = found(done)
    assert (content["mode"], content["winner"], content["verdict"]) == ("search", "se(stages=3-4)", "met")
    candidates = by_variant(content)
    # Six are more than four: in the first round all of these lie above 1.02.
    assert {name: each["fate"] for name, each in candidates.items()} == {
        "se": "left",
        "se(stages=2-3)": "left",
        "se(stages=2)": "left",
        "se(stages=3-4)": "finalist",
        "se(stages=3)": "finalist",
        "se(stages=4)": "finalist",
    }
    assert candidates["se"]["reason"] == "above latency:1.02 in round 1"
    assert (candidates["se"]["rounds"], candidates["se(stages=3)"]["rounds"]) == (1, 2)
    assert candidates["se(stages=3-4)"]["ratio"]["estimate"] == pytest.approx(1.015, abs=0.001)
    # Three finalists: 1 - 0.05 / 3 each. The second measurement is alone.
    assert content["confidence"] == pytest.approx(1 - 0.05 / 3)
    assert candidates["se(stages=4)"]["ratio"]["confidence"] == pytest.approx(1 - 0.05 / 3)
    again = content["confirmed"]["ratio"]
    assert again["confidence"] == 0.95
    assert again["ci_low"] <= again["estimate"] <= again["ci_high"] <= 1.02
    assert again["estimate"] != candidates["se(stages=3-4)"]["ratio"]["estimate"]
    # Six, three and one pair were measured and stored, each at the usual confidence.
    stored = list((tmp_path / ".sebench" / "results").glob("*.json"))
    assert len(stored) == 10
    assert {json.loads(path.read_text())["measurements"][0]["policy"]["confidence"] for path in stored} == {
        0.95
    }
    assert "round 1: 6 candidates, about 8 s each" in done.stderr
    assert "last round: 3 candidates, about 12 s each" in done.stderr


def test_exact_costs(tune):
    content = found(tune("--r", 16, "--max-overhead", "params:1.5", "--dry-run", "--format", "json"))
    plain = content["plain"]
    for variant, channels in (
        ("se(stages=2)", [128]),
        ("se(stages=3-4)", [256, 512]),
        ("se", [128, 256, 512]),
    ):
        exact = by_variant(content)[variant]["exact"]
        assert exact["params"] - plain["params"] == 2 * sum(SE_PARAMS[each] for each in channels)
        assert exact["attention_params"] == 2 * sum(SE_PARAMS[each] for each in channels)
        assert exact["sites"] == 2 * len(channels)
    assert (plain["sites"], plain["attention_params"]) == (0, 0)
    ordered = [each["exact"]["bytes"] for each in content["candidates"]]
    assert ordered == sorted(ordered)


def test_what_breaks_an_exact_limit_is_not_measured(tune, tmp_path):
    # SE in stage 4 adds 66624 parameters to 10.96 million (0.6 %), in stages 2 and 3 together 21296 (0.2 %).
    done = tune("--r", 16, "--max-overhead", "params:1.003", "--format", "json")
    content = found(done)
    candidates = by_variant(content)
    assert {name for name, each in candidates.items() if each["fate"] == "over"} == {
        "se", "se(stages=3-4)", "se(stages=4)",
    }  # fmt: skip
    assert candidates["se(stages=4)"]["reason"].startswith("params 1.006")
    assert candidates["se(stages=4)"]["ratio"] is None
    assert (content["winner"], content["verdict"]) == ("se(stages=2-3)", None)
    assert len(list((tmp_path / ".sebench" / "results").glob("*.json"))) == 4


STAGE_4 = ("--stages", 4, "--r", 16, "--max-overhead", "latency:1.02")


@pytest.mark.parametrize("also", [(), ("--dry-run",)], ids=["measured", "dry"])
def test_a_budget_that_does_not_cover_all_is_refused_before_anything_is_measured(tune, monkeypatch, also):
    monkeypatch.setattr(measuring, "run", None)  # called, it would be a TypeError
    done = tune(*STAGE_4, "--budget", 15, "-q", *also, code=1)
    assert done.stdout == ""
    expected = "--budget 15 is too small to measure 1 candidate, and the best again"
    assert done.stderr == f"sebench: error: {expected}; allow at least --budget 16, or try fewer\n"


def test_a_second_measurement_that_does_not_fit_is_left_out(tune, monkeypatch):
    measured, plans = measuring.run, []

    def slower(plan, context):
        plans.append(plan)
        if len(plans) > 1:
            raise BudgetError("30 s (its share of --budget 60) is too small")
        return measured(plan, context)

    monkeypatch.setattr(measuring, "run", slower)
    done = tune(*STAGE_4, "--budget", 60, "--no-save", "--format", "json")
    content = found(done)
    assert (content["winner"], content["confirmed"], content["verdict"]) == ("se(stages=4)", None, "met")
    assert content["confirming"] == "30 s (its share of --budget 60) is too small"
    assert sum(plan.policy.budget_s for plan in plans) == 60
    assert "last round: 1 candidate, about 30 s\n" in done.stderr


def test_the_lowest_latency(tune):
    arguments = ("--stages", 3, "--stages", 4, "--r", 16, "--prefer", "cost", "--no-confirm", "--no-save")
    content = found(tune(*arguments, "--max-overhead", "latency:1.02", "--format", "json"))
    assert (content["winner"], content["confirmed"], content["verdict"]) == ("se(stages=4)", None, "met")


def test_nothing_within_the_limits(tune):
    arguments = ("--stages", 4, "--r", 16, "--no-save")
    done = tune(*arguments, "--max-overhead", "latency:1.001", code=4)
    answer = " ".join(done.stdout.split())
    expected = "No variant is within latency:1.001; the nearest is se(stages=4): latency ratio 1.005"
    assert expected in answer
    done = tune("--r", 16, "--max-overhead", "params:1.0001", code=4)
    answer = " ".join(done.stdout.split())
    assert "No variant is within params:1.0001; the nearest is se(stages=2): params 1.0004, above" in answer


def test_a_candidate_that_cannot_be_measured_is_a_row(tune):
    ratios = {variant: ratio for variant, ratio in RATIOS.items() if variant != "se(stages=3)"}
    content = found(
        tune(
            *("--stages", 3, "--stages", 4, "--r", 16, "--max-overhead", "latency:1.02", "--format", "json"),
            "--no-save",
            ratios=ratios,
        )
    )
    failed = by_variant(content)["se(stages=3)"]
    assert (failed["fate"], failed["ratio"]) == ("failed", None)
    assert failed["reason"]
    assert content["winner"] == "se(stages=4)"


def test_variants_that_are_one_network_are_measured_once(tune):
    # 16 channels: r = 16 and r = 12 both leave one hidden unit, max(1, 16 // r).
    content = found(
        tune(
            *("--stages", 2, "--r", 16, "--r", 12, "--max-overhead", "params:1.5", "--dry-run"),
            *("--format", "json"),
            model="cifar_resnet110",
        )
    )
    assert {name: (each["fate"], each["reason"]) for name, each in by_variant(content).items()} == {
        "se(stages=2)": ("listed", None),
        "se(r=12,stages=2)": ("same", "the same network as se(stages=2)"),
    }


# --- the paper's own finding ----------------------------------------------------------------------------


def test_without_the_last_stage_resnet50_keeps_four_percent(tune):
    done = tune("--max-overhead", "params:1.04", "--dry-run", "--format", "json", model="resnet50")
    candidates = by_variant(found(done))
    kept = candidates["se(stages=2-4)"]
    # 3 x 8464 + 4 x 33312 + 6 x 132160 = 951600 more than 25557032
    assert kept["exact"]["params"] == 26508632
    assert kept["exact_ratios"]["params"] == pytest.approx(1.0372, abs=0.00005)
    assert kept["fate"] == "listed"
    assert (candidates["se"]["fate"], candidates["se"]["exact"]["params"]) == ("over", 28088024)
    assert candidates["se"]["reason"] == "params 1.0990, above 1.04"
    # The paper's errors, as printed in its Table 2.
    quoted = candidates["se"]["quoted"]
    assert (quoted["quoted"], quoted["top1_error"], quoted["top5_error"], quoted["source"]) == (
        True, "23.29", "6.62", "Table 2",
    )  # fmt: skip
    assert kept["quoted"] is None
    # Of all within the limit, none has attention at more sites, nor more of it at as many.
    within = [each for each in candidates.values() if each["fate"] == "listed"]
    best = max(within, key=lambda each: (each["exact"]["sites"], each["exact"]["attention_params"]))
    assert (best["variant"], best["exact"]["sites"]) == ("se(stages=2-4)", 13)
    text = tune("--max-overhead", "params:1.04", "--r", 16, "--dry-run", model="resnet50").stdout
    assert "23.29 / 6.62 %" in text
    assert "sebench did not measure them" in text


def test_errors_are_quoted_at_the_papers_input_alone(tune):
    arguments = ("--max-overhead", "params:1.5", "--stages", "2-5", "--dry-run", "--format", "json")
    content = found(tune(*arguments, "--image-size", 64, model="resnet50"))
    assert by_variant(content)["se"]["quoted"] is None


def test_an_interruption_says_where_to_find_what_was_measured(tune, monkeypatch):
    measured = measuring.run
    plans = []

    def interrupted(plan, context):
        plans.append(plan)
        if len(plans) > 2:
            raise Interrupted("interrupted")
        return measured(plan, context)

    monkeypatch.setattr(measuring, "run", interrupted)
    done = tune(
        *("--stages", 2, "--stages", 3, "--stages", 4, "--r", 16, "--max-overhead", "latency:1.02", "-q"),
        code=130,
    )
    assert done.stdout == ""
    expected = "interrupted; 2 pairs measured until then: `sebench list results --results .sebench/results`"
    assert done.stderr == f"sebench: error: {expected}\n"


# --- gates that can be dropped --------------------------------------------------------------------------

GATES = [f"stage{stage}.{block}.attention" for stage in (2, 3, 4) for block in (0, 1)]


def without(path):
    return f"se(without={path})"


def test_gates_by_what_dropping_them_saves(tune):
    saves = (0.99, 0.99, 0.96, 0.998, 0.998, 0.998)
    ratios = {"se": 1.0, **dict(zip(map(without, GATES), saves, strict=True))}
    done = tune("--drop", "--format", "json", "--no-save", ratios=ratios)
    content = found(done)
    assert (content["mode"], content["variant"]) == ("drop", "se")
    ranks = {each["path"]: each["rank"] for each in content["gates"]}
    # 0.96 is apart from everything, the two at 0.99 and the three at 0.998 from all others.
    first, second = [2, 3], [4, 6]
    assert ranks["stage3.0.attention"] == [1, 1]
    assert all(first[0] <= ranks[path][0] and ranks[path][1] <= first[1] for path in GATES[:2])
    assert all(second[0] <= ranks[path][0] and ranks[path][1] <= second[1] for path in GATES[3:])
    assert content["gates"][0]["params"] == SE_PARAMS[256]
    assert content["gates"][0]["ratio"]["confidence"] == pytest.approx(1 - 0.05 / 6)
    assert content["confirmed"]["ratio"]["estimate"] == pytest.approx(0.96, abs=0.001)


def test_gates_that_cannot_be_told_apart_are_said(tune):
    ratios = {"se": 1.0, **{without(path): 0.99 for path in GATES}}
    shown = tune("--drop", "--top", 2, "--no-save", ratios=ratios).stdout
    answer = shown.splitlines()[2]
    # the two with most bytes
    assert "stage2.0.attention" in answer
    assert "stage2.1.attention" in answer
    assert "cannot be told apart" in answer
    assert shown.count("not measured") == 4


def test_gates_that_cost_no_time_are_not_ranked_as_if_they_did(tune):
    ratios = {"se": 1.0, **{without(path): 1.0 for path in GATES}}
    shown = tune("--drop", "--top", 1, "--no-save", ratios=ratios).stdout
    assert "Dropping a gate is not shown to save time: without stage2." in shown


def test_a_dry_run_marks_the_gates_that_are_measured(tune):
    content = found(tune("--drop", "--top", 2, "--dry-run", "--format", "json"))
    assert [each["reason"] for each in content["gates"]] == ["to be measured"] * 2 + ["not measured"] * 4
    assert content["planned_s"] == 36.0  # 12 s each: two and the second measurement


def test_exact_costs_of_gates(tune):
    content = found(tune("--drop", "--dry-run", "--format", "json"))
    assert [each["path"] for each in content["gates"]][:2] == ["stage2.0.attention", "stage2.1.attention"]
    whole = sebench.count(NET, variant="se")
    for gate in content["gates"]:
        left = sebench.count(NET, variant=gate["variant"])
        assert whole.params - left.params == gate["params"]
        assert whole.macs - left.macs == gate["macs"]
        moved = whole.bytes_read + whole.bytes_written - left.bytes_read - left.bytes_written
        assert moved == gate["bytes"]


def test_the_only_gate_is_dropped_to_plain(tune):
    variant = "se(stages=2,without=stage2.0.attention)"
    content = found(tune("--drop", "-v", variant, "--dry-run", "--format", "json"))
    assert [(each["path"], each["variant"]) for each in content["gates"]] == [("stage2.1.attention", "plain")]


def test_a_budget_says_how_many_gates_are_measured(tune):
    ratios = {"se": 1.0, **{without(path): 0.99 for path in GATES}}
    # 12 s each: two and the second measurement
    content = found(tune("--drop", "--budget", 37, "--no-save", "--format", "json", ratios=ratios))
    assert [each["rank"] is not None for each in content["gates"]] == [True, True, False, False, False, False]


def test_shares_of_gates_and_of_the_second_measurement_add_up_to_the_budget(tune, monkeypatch):
    measured, plans = measuring.run, []

    def noted(plan, context):
        plans.append(plan)
        if len(plans) == 3:
            raise BudgetError("no time is left")
        return measured(plan, context)

    monkeypatch.setattr(measuring, "run", noted)
    ratios = {"se": 1.0, **{without(path): 0.99 for path in GATES}}
    done = tune("--drop", "--top", 2, "--budget", 30, "--no-save", "--format", "json", ratios=ratios)
    assert [plan.policy.budget_s for plan in plans] == [10, 10, 10]
    assert (found(done)["confirmed"], found(done)["confirming"]) == (None, "no time is left")


# --- what cannot be meant -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "tune needs to know what to try; add --max-overhead latency:1.02, --drop or --forms"),
        (("--r", 8), 2, "a search needs a limit; add --max-overhead latency:1.02, or params:1.04"),
        (("--max-overhead", "latency"), 2, "limit 'latency' has no ratio"),
        (("--max-overhead", "latncy:1.02"), 2, "unknown metric 'latncy'; did you mean 'latency'?\n"),
        (
            ("--max-overhead", "throughput:1.02"),
            2,
            "; choose from latency, params, macs, paper_macs, flops, bytes\n",
        ),
        (("--max-overhead", "energy:1.02"), 2, "--max-overhead energy:1.02: tune searches by latency"),
        (("--max-overhead", "latency:2%"), 2, "'2%' is a percentage, and a limit is a ratio"),
        (("--max-overhead", "latency:1.1", "-v", "se"), 2, "--variant does not go with a search"),
        (("--max-overhead", "latency:1.1", "--drop"), 2, "--drop does not go with --max-overhead"),
        (("--drop", "--forms"), 2, "--drop does not go with --forms; leave one of them out"),
        (("--drop", "--prefer", "cost"), 2, "--prefer does not go with --drop; leave it out"),
        (("--forms", "--dry-run"), 2, "--dry-run does not go with --forms; leave it out"),
        (("--forms", "--top", 3), 2, "--top does not go with --forms; leave it out"),
        (("--drop", "--top", 0), 2, "--top 0 measures nothing; leave it out, or use --dry-run"),
        (("--drop", "-v", "plain"), 2, f"{NET} plain has no gates to drop; name a variant that has: -v se"),
        (("--max-overhead", "latency:1.1", "--kind", "sa"), 2, "--kind 'sa' is no kind of attention"),
        (("--max-overhead", "latency:1.1", "--stages", 7), 2, f"{NET} has no stage 7"),
        (("--max-overhead", "latency:1.1", "--budget", -1), 2, "--budget -1 is not a positive number"),
        (
            ("--drop", "-v", "se(without=x)"),
            2,
            f"{NET} has no gate 'x'; `sebench count --by site` lists them",
        ),
        (
            ("--max-overhead", "latency:1.1", "--budget", 3),
            1,
            # 8 s each: 18 + 9 + 5 + 4, and the best again
            "--budget 3 is too small to measure 18 candidates in 4 rounds, and the best again; allow at least"
            " --budget 296, or try fewer\n",
        ),
        (
            ("--drop", "--budget", 1),
            1,
            "--budget 1 is too small to measure 1 gate, and the first again; allow at least --budget 16\n",
        ),
        (
            ("--drop", "--top", 2, "--budget", 15, "--no-confirm"),
            1,
            "too small to measure 2 gates; allow at least --budget 16, or measure fewer: --top\n",
        ),
        (
            ("--form", "pooled", "--budget", 15),
            1,
            "--budget 15 is too small to measure plain and 1 form; allow at least --budget 16, or name fewer",
        ),
    ],
)
def test_one_line_says_what_is_wrong(tune, arguments, code, message):
    done = tune(*arguments, "--quiet", code=code)
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
