import pytest

from sebench.reporting.answers import answers, attention_name, place_text, ratio_text, sizes_text
from sebench.schema import Comparison, Finding, Ratio, Workload


def said(make, metric, **changes):
    (sentence,) = answers(make.comparison(metric, **changes))
    return sentence


def test_slower(make):
    assert said(make, make.latency()) == (
        "SE makes resnet50 1.8 % slower on this CPU: "
        "ratio 1.018 [1.012, 1.024], 95 %, 6 processes x 8 blocks, grade B"
    )


def test_faster_than_another_variant(make):
    sentence = said(
        make, make.latency(ratio=(0.9471, 0.9462, 0.948)), baseline="se", candidate="se(stages=2-4)"
    )
    assert sentence.startswith(
        "SE(stages=2-4) makes resnet50 5.29 % faster than SE on this CPU: ratio 0.9471"
    )


def test_interval_that_contains_one(make):
    assert said(make, make.latency(ratio=(1.003, 0.998, 1.008))).startswith(
        "No difference shown between plain and SE for resnet50 on this CPU: ratio 1.003 [0.998, 1.008]"
    )


@pytest.mark.parametrize("limit", [(1.0, 1.02), (0.98, 1.0)])
def test_an_interval_that_touches_one_shows_nothing(make, limit):
    assert said(make, make.latency(ratio=(1.0, *limit))).startswith("No difference shown")


@pytest.mark.parametrize(
    ("ratio", "start"),
    [
        # half-width 0.06 / 1.02 = 5.9 %
        ((1.02, 0.96, 1.08), "Too noisy to say: no difference shown between plain and SE"),
        # half-width 0.1 / 1.5 = 6.7 %: too wide for a figure, though the direction is clear
        (
            (1.5, 1.4, 1.6),
            "Too noisy for one figure: SE makes resnet50 40 to 60 % slower on this CPU: ratio 1.500 [",
        ),
        # 1 - 0.64 = 36 %, 1 - 0.48 = 52 %
        ((0.56, 0.48, 0.64), "Too noisy for one figure: SE makes resnet50 36 to 52 % faster"),
        # The interval excludes 1, but by less than a figure without decimals shows.
        ((1.07, 1.004, 1.14), "Too noisy for one figure: SE makes resnet50 up to 14 % slower"),
    ],
)
def test_wide_intervals_say_so_first(make, ratio, start):
    assert said(make, make.latency(ratio=ratio)).startswith(start)


def test_a_half_width_of_five_per_cent_is_not_too_noisy(make):
    assert not said(make, make.latency(ratio=(1.0, 0.95, 1.0499))).startswith("Too noisy")


def test_no_interval(make):
    metric = make.latency(
        ratio=(1.01, None, None), processes=1, blocks=3, reason="no interval exists for 3 blocks"
    )
    assert said(make, metric) == (
        "Too few blocks to say: resnet50 with SE against plain on this CPU: ratio 1.010, no interval, "
        "1 process x 3 blocks, grade B: no interval exists for 3 blocks"
    )


def test_within_process_scope_is_said(make):
    metric = make.latency(scope="within-process", processes=1, blocks=12, grade="C")
    assert said(make, metric).endswith(
        "1 process x 12 blocks, grade C, "
        "one process only: the interval leaves out variation between processes"
    )


def test_same_against_itself(make):
    same = {"baseline": "se", "candidate": "se"}
    assert said(make, make.latency(ratio=(1.0, 0.997, 1.003)), **same).startswith(
        "A/A: no difference shown, resnet50 SE against itself on this CPU: ratio 1.000"
    )
    assert said(make, make.latency(), **same).startswith(
        "A/A: a difference shown where there is none, resnet50 SE against itself"
    )


def test_unavailable_says_why(make):
    assert said(make, make.unavailable()) == (
        "resnet50 with SE against plain on this CPU: latency is unavailable: process 3 ran out of memory"
    )
    assert said(make, make.unavailable(reason=None)).endswith("unavailable: no reason was given")


def test_one_sentence_per_workload(make):
    sentences = answers(make.comparison(make.latency(), make.latency(workload=make.gpu_training)))
    assert [" on this GPU in training at batch 256: " in sentence for sentence in sentences] == [False, True]


def test_without_a_timing_the_exact_costs_are_the_answer(make):
    # 28_088_024 / 25_557_032 = 1.09903; 3_860_488_192 / 3_857_973_248 = 1.00065; 273 / 251 = 1.08765
    assert answers(make.comparison(*make.static())) == (
        "resnet50 with SE against plain: +9.90 % params, +0.07 % MACs, +8.76 % bytes moved; "
        "latency was not measured",
    )
    empty = Comparison(model="resnet50", baseline="plain", candidate="se", metrics=())
    assert answers(empty) == ("resnet50 with SE against plain: nothing is known; latency was not measured",)


@pytest.mark.parametrize(
    ("limits", "texts"),
    [
        ((1.012, 1.024), ("1.018", "[1.012, 1.024]")),
        ((1.0171, 1.0189), ("1.0180", "[1.0171, 1.0189]")),  # half-width below 0.2 %
        ((None, None), ("1.018", "")),
    ],
)
def test_ratio_text(limits, texts):
    assert ratio_text(Ratio(estimate=1.018, ci_low=limits[0], ci_high=limits[1], method="m")) == texts


def test_unknown_ratio_has_no_text():
    assert ratio_text(Ratio(estimate=None, method="none")) == ("", "")


@pytest.mark.parametrize(
    ("processes", "blocks", "text"),
    [
        (6, 48, "6 processes x 8 blocks"),
        (6, 47, "6 processes, 47 blocks"),  # a block was dropped
        (1, 12, "1 process x 12 blocks"),
        (0, 0, "0 processes, 0 blocks"),
    ],
)
def test_sizes_text(processes, blocks, text):
    assert sizes_text(Ratio(estimate=1.0, method="m", processes=processes, blocks=blocks)) == text


def test_names_and_places():
    assert [attention_name(v) for v in ("plain", "se", "se(r=8)", "eca")] == ["plain", "SE", "SE(r=8)", "ECA"]
    own = ("custom(class=a/nets.py:Gate)", "custom(class=nets:Gate,stages=2-4)", "custom")
    assert [attention_name(v) for v in own] == ["Gate", "Gate(stages=2-4)", "custom"]
    assert place_text(None) == "on this machine"
    assert place_text(Workload(batch_size=8, input_shape=(8, 3, 224, 224))) == "on this CPU at batch 8"


NETWORKS = {
    "model": "nets.py:new against nets.py:old",
    "baseline": "nets.py:old",
    "candidate": "nets.py:new",
}


def test_two_networks_keep_their_names(make):
    assert said(make, make.latency(), **NETWORKS) == (
        "nets.py:new is 1.8 % slower than nets.py:old on this CPU: "
        "ratio 1.018 [1.012, 1.024], 95 %, 6 processes x 8 blocks, grade B"
    )
    assert said(make, make.latency(ratio=(1.003, 0.998, 1.008)), **NETWORKS).startswith(
        "No difference shown between nets.py:old and nets.py:new on this CPU"
    )
    assert said(make, make.unavailable(), **NETWORKS).startswith(
        "nets.py:new against nets.py:old on this CPU: latency is unavailable"
    )


def test_what_was_interrupted_says_so_first(make):
    interrupted = Finding(code="interrupted", severity="warning", message="interrupted")
    few = make.latency(ratio=(1.01, None, None), processes=1, blocks=3, reason="3 blocks are too few")
    for metric, start in (
        (few, "Interrupted: too few blocks to say: resnet50 with SE"),
        (make.latency(), "Interrupted: SE makes resnet50 1.8 % slower"),
        (make.latency(ratio=(1.0, 0.99, 1.01)), "Interrupted: no difference shown"),
    ):
        (answer,) = answers(make.comparison(metric, findings=(interrupted,)))
        assert answer.startswith(start)
