"""Which figures hold. Classes come from computation: a changed digit changes the class."""

from fractions import Fraction

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.paper.audit import audit
from sebench.paper.causes import shufflenet_macs
from sebench.paper.conventions import CONVENTIONS
from sebench.paper.figures import PublishedFigure, published_figures
from sebench.paper.quantities import StageWidths, block_weights, formula_value, stage_widths
from sebench.paper.subjects import MODELS, Subject, subject_of
from sebench.runner.counting.auditing import known_models

KNOWN = known_models()


@pytest.fixture(scope="session")
def judged(count):
    def judge(figures, convention="paper"):
        return audit(
            figures,
            convention=CONVENTIONS[convention],
            count=count,
            known_models=KNOWN,
            context=published_figures(),
        )

    return judge


@pytest.fixture(scope="session")
def verdict(judged):
    """The class of one figure, and why."""

    def of(*fields, **options):
        (found,) = judged([figure(*fields)], **options).figures
        return found.verdict, found.reason

    return of


def figure(source, model, variant, metric, value, note=""):
    return PublishedFigure(
        line=2, source=source, model=model, variant=variant, metric=metric, value=value, note=note
    )


@pytest.fixture(scope="module")
def everything(judged):
    return judged(published_figures())


def test_every_figure_is_classed(everything):
    assert dict(everything.summary) == {
        "reproduced": 70,
        "within_tolerance": 12,
        "contradicted": 34,
        "not_reproducible": 2,
        "quoted_only": 239,
    }
    assert everything.is_contradicted


def test_what_the_paper_itself_does_not_bear_out(everything):
    own = {
        (found.figure.model, found.figure.metric)
        for found in everything.figures
        if found.verdict == "contradicted" and found.of_the_paper
    }
    assert own == {
        ("ShuffleNet 1x (g=3)", "mflops"),
        ("ShuffleNet 1x (g=3)", "params_m"),
        ("SE-ResNet-50", "gflops_rel_increase_pct"),
    }


def test_a_changed_digit_changes_the_class(verdict):
    assert verdict("CVPR18 Table 2", "ResNet-50", "", "gflops", "3.86")[0] == "reproduced"
    assert verdict("CVPR18 Table 2", "ResNet-50", "", "gflops", "3.87")[0] == "within_tolerance"  # 3.8635
    assert verdict("CVPR18 Table 2", "ResNet-50", "", "gflops", "3.88")[0] == "contradicted"


@pytest.mark.parametrize(
    ("fields", "expected", "reason"),
    [
        # 3,768,057,856 MACs with the stride in the 1x1, and 5,519,360 adds
        (
            ("A", "ResNeXt-50 (32x4d)", "", "gflops", "3.77"),
            "contradicted",
            "stride in the 1x1 convolution: 3.774",
        ),
        (("A", "SENet-154", "320x320", "gflops", "42.3"), "reproduced", "convention paper"),
        (("A", "SENet-154", "", "gflops", "42.3"), "contradicted", "with a 320 x 320 input: 42.27"),
        (
            ("A", "SE-ResNet-50", "SE r=16", "params_added_m", "0.26"),
            "contradicted",
            "0.26 as % GFLOPs added",
        ),
        (("A", "SE", "last block pruned", "params_saved_pct", "10"), "contradicted", "10 as % params added"),
        (("A", "SENet-154", "", "params_m", "145.8"), "contradicted", "no cause found"),
        # 0.01 / 3.86 = 0.259 %; (3.871526912 - 3.863492608) / 3.863492608 = 0.208 %
        (
            ("CVPR18 Sec.4", "SE-ResNet-50", "SE r=16", "gflops_rel_increase_pct", "0.26"),
            "contradicted",
            r"quotient of the rounded figures, \(3.87 - 3.86\) / 3.86",
        ),
        (
            ("CVPR18 Table 3", "ShuffleNet", "", "mflops", "140"),
            "contradicted",
            "2-group network has .140.8, trunc",
        ),
        # 140 + 610,416 + 1,604,064
        (
            ("CVPR18 Table 3", "ShuffleNet", "SE", "mflops", "142"),
            "contradicted",
            "plus what SE adds here: 142.2",
        ),
        (
            ("CVPR18 Table 3", "ShuffleNet", "", "params_m", "1.8"),
            "contradicted",
            "truncated instead of rounded",
        ),
        # blobs without FC biases 30.640, with 30.657
        (
            ("TPAMI Table 10", "SE-ResNet-50", "r=8", "params_m", "30.7"),
            "within_tolerance",
            "with the biases .*30.66",
        ),
        (("CVPR18 Table 7", "SE-ResNet-50", "r=8", "params_m", "30.7"), "reproduced", "stored blobs"),
        (
            ("TPAMI Table 13", "ResNet-50", "SE stage 4 only", "gflops", "3.86"),
            "within_tolerance",
            "by macs, se-only",
        ),
        (
            ("CVPR18 Table 2", "Inception-ResNet-v2", "SE", "gflops", "11.76"),
            "not_reproducible",
            "13.187 at 299",
        ),
        (("CVPR18 Sec.4", "ResNet-50", "plain", "params_m", "25", "~"), "within_tolerance", "as approximate"),
        (("CVPR18 Sec.4", "ResNet-50", "plain", "params_m", "24", "~"), "contradicted", "no cause found"),
        (
            ("CVPR18 Sec.4", "ResNet-50", "plain", "cpu_infer_ms", "164"),
            "quoted_only",
            "the authors' machine",
        ),
        (("A", "ResNet-50", "plain", "top1_err", "24.8"), "quoted_only", "not a cost"),
        (("A", "all", "", "gflops", ""), "quoted_only", "prints no figure"),
        (("A", "SE FC", "C=512 r=16", "weights", "32768"), "reproduced", "32,768"),
        (("A", "SE FC", "C=512 r=16", "weights", "32769"), "contradicted", "32,768"),
        (("A", "SE-ResNet-50", "conv3_x", "se_fc_dims", "[32,512]"), "reproduced", "stage 3"),
        (("A", "SE-ResNet-50", "conv3_x", "se_fc_dims", "[32,256]"), "contradicted", "stage 3"),
        (("A", "Eq.5", "", "formula", "(2/r)*sum_s N_s*C_s^2"), "reproduced", "2,514,944"),
        (("A", "Eq.5", "", "formula", "sum 2/r * N_s - C_s^2"), "contradicted", "multiplied in Eq. 5"),
        (("A", "Eq.5", "", "formula", "__import__('os')"), "quoted_only", "not an arithmetic formula"),
        (("A", "resnet50", "se(r=8)", "params_m", "30.6"), "reproduced", "trainable"),
    ],
)
def test_verdicts_and_reasons(fields, expected, reason, verdict):
    import re

    found, said = verdict(*fields)
    assert found == expected, said
    assert re.search(reason, said), said


def test_conventions_decide_what_holds(verdict):
    fields = ("CVPR18 Table 2", "SE-ResNet-101", "SE", "gflops", "7.60")
    assert verdict(*fields)[0] == "within_tolerance"
    assert verdict(*fields, convention="naive")[0] == "reproduced"
    assert verdict(*fields, convention="macs")[0] == "contradicted"  # 7.575


@pytest.mark.parametrize(
    ("model", "variant", "message"),
    [
        ("resnet51", "plain", "data/published.csv line 2: unknown model 'resnet51'; did you mean 'resnet50'"),
        ("resnet50", "sw(r=8)", "data/published.csv line 2: variant 'sw.r=8.': unknown attention 'sw'"),
        ("vgg16_bn", "se(position=pre)", "data/published.csv line 2: .* has no position 'pre'"),
    ],
)
def test_cost_figures_of_networks_that_nobody_knows_are_refused(model, variant, message, judged):
    with pytest.raises(DataFileError, match=message):
        judged([figure("blog", model, variant, "gflops", "4.1")])


def test_every_printed_name_is_a_model_of_ours():
    assert set(MODELS.values()) <= KNOWN
    bias_free = subject_of(figure("TPAMI Table 16", "ResNet-50", "NoSqueeze", "gflops", "4.27"), KNOWN)
    assert bias_free == Subject(model="resnet50", variant="se(squeeze=none,bias=false)")


def test_eq_5(count):
    # 2/16 (3 256^2 + 4 512^2 + 6 1024^2 + 3 2048^2) = 2,514,944 (CVPR 2018, Eq. 5)
    widths = stage_widths(count(Subject(model="resnet50", variant="se")))
    assert widths[0] == StageWidths(stage="2", blocks=3, channels=256, hidden=16)
    assert [stage.blocks for stage in widths] == [3, 4, 6, 3]
    assert formula_value("(2/r)*sum_s N_s*C_s^2", widths, 16) == 2_514_944
    assert formula_value("N_s", widths, 16) == Fraction(16)
    assert formula_value("C_s.real", widths, 16) is None
    assert block_weights("C=512 r=16") == 2 * 512 * 32
    assert block_weights("C=512") is None


def test_shufflenet_by_groups():
    # the 3-group network is ours; Zhang et al. print 143, 140, 137 for 1, 2 and 3 groups
    assert shufflenet_macs(groups=3, outputs=(240, 480, 960)) == 137_460_672
    assert shufflenet_macs(groups=2, outputs=(200, 400, 800)) == 140_836_512
    assert shufflenet_macs(groups=1, outputs=(144, 288, 576)) == 143_078_976


def test_an_unchanged_context_explains_a_filtered_figure(judged):
    own = [f for f in published_figures() if f.metric == "gflops_rel_increase_pct"]
    assert "quotient" in judged(own).figures[0].reason
    assert "no cause" in judged([replace(own[0], value="0.27")]).figures[0].reason
