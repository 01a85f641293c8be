"""Networks of printed figures, in sebench's names and canonical variants."""

import pytest

from sebench.paper.figures import PublishedFigure
from sebench.paper.subjects import Subject, subject_of

KNOWN = frozenset(("resnet50",))


def subject(model, variant, source="CVPR18 Table 2"):
    figure = PublishedFigure(line=0, source=source, model=model, variant=variant, metric="gflops", value="")
    return subject_of(figure, KNOWN)


@pytest.mark.parametrize(
    ("model", "printed", "variant"),
    [
        ("ResNet-50", "", "plain"),
        ("SE-ResNet-50", "", "se"),
        ("ResNet-50", "SE", "se"),
        ("SE-ResNet-50", "r=8", "se(r=8)"),
        ("SE-ResNet-50", "r=16", "se"),  # the grammar leaves its defaults out
        ("SE-ResNet-50", "SE-PRE", "se(position=pre)"),
        ("SE-ResNet-50", "SE_3x3", "se(position=3x3)"),
        ("SE-ResNet-50", "last block pruned", "se(stages=2-4)"),
        ("ResNet-50", "SE stage 3 only", "se(stages=3)"),
        ("ResNet-50", "NoSqueeze", "se(squeeze=none)"),
        ("SE-ResNet-50", "excitation=tanh", "se(excitation=tanh)"),
        # in sebench's own names a variant stands as it is
        ("resnet50", "se(r=4)", "se(r=4)"),
    ],
)
def test_variants(model, printed, variant):
    assert subject(model, printed) == Subject(model="resnet50", variant=variant)


def test_the_ablations_of_the_journal_have_no_biases():
    found = subject("SE-ResNet-50", "squeeze=max", "TPAMI Table 11")
    assert found == Subject(model="resnet50", variant="se(squeeze=max,bias=false)")
    assert subject("ResNet-50", "plain", "TPAMI Table 13") == Subject(model="resnet50", variant="plain")


def test_a_size_is_no_variant():
    assert subject("SE-ResNet-50", "320x320") == Subject(model="resnet50", variant="se", image_size=320)


@pytest.mark.parametrize("printed", ["conv2_x", "training", "C=512 r=16", "crop 224", "r=0"])
def test_what_describes_no_network_has_no_subject(printed):
    assert subject("SE-ResNet-50", printed) is None


def test_networks_of_others_have_no_subject():
    assert subject("DenseNet-121", "") is None
