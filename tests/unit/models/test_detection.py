"""Faster R-CNN: every part costs what torchvision's own costs, and SE adds what it adds to a ResNet."""

import pytest
import torch
from torchvision.models.detection import fasterrcnn_resnet50_fpn

from sebench.analysis.costs import attention_totals, by_stage, totals
from sebench.counters import count
from sebench.models import build
from sebench.runner.counting.counter import count_model
from sebench.runner.planning.inputs import input_shape
from sebench.runner.planning.pairs import resolve_spec
from sebench.schema import ModelSpec, NetworkOptions

MODEL = "fasterrcnn_resnet50_fpn"


def counted(model=MODEL, variant="plain", **options):
    spec = resolve_spec(model, variant, NetworkOptions(**options))
    return count_model(spec, input_shape(spec)).cost


def macs_of(cost, *stages):
    return sum(row.macs for row in by_stage(cost) if row.key in stages)


@pytest.fixture(scope="module")
def torchvisions():
    with torch.device("meta"):
        return fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()


def test_parts_equal_torchvisions_where_the_stride_is_torchvisions(torchvisions):
    ours = counted(stride_in="3x3")
    # torchvision pads 800 x 1333 to a multiple of 32: 800 x 1344
    body = totals(count(torchvisions.backbone, (1, 3, 800, 1344)))
    assert macs_of(ours, "stem", "2", "3", "4", "5", "neck") == body.macs
    box_head = totals(count(torchvisions.roi_heads.box_head, (1000, 256, 7, 7))).macs
    # 1000 x (12544 x 1024 + 1024 x 1024) + 1000 x 1024 x (91 + 364)
    assert box_head == 13_893_632_000
    assert macs_of(ours, "boxes") == box_head + 465_920_000
    # per location 9 x 256 x 256 + 256 x 3 + 256 x 12; locations 200x336 + 100x168 + 50x84 + 25x42 + 13x21
    locations = 67_200 + 16_800 + 4_200 + 1_050 + 273
    assert macs_of(ours, "rpn") == locations * (589_824 + 768 + 3_072)
    assert ours.params == sum(p.numel() for p in torchvisions.parameters())


def test_the_papers_backbone_is_v1():
    # The stem, the neck and the heads are untouched; only the first blocks of stages 3 to 5 are cheaper.
    v1, v15 = counted(), counted(stride_in="3x3")
    assert macs_of(v1, "stem", "2", "neck", "rpn", "boxes") == macs_of(
        v15, "stem", "2", "neck", "rpn", "boxes"
    )
    assert macs_of(v1, "3", "4", "5") < macs_of(v15, "3", "4", "5")


@pytest.mark.parametrize(("depth", "added"), [(50, 2_530_992), (101, 4_777_712)])
def test_se_adds_what_it_adds_to_the_classifier(depth, added):
    # FC weights and biases do not depend on the image (2,514,944 + 16,048; 4,743,168 + 34,544)
    name = f"fasterrcnn_resnet{depth}_fpn"
    plain, se = counted(name), counted(name, "se")
    assert totals(se).params - totals(plain).params == added == attention_totals(se).params
    assert totals(se).macs - totals(plain).macs == attention_totals(se).macs
    assert len(se.sites) == {50: 16, 101: 33}[depth]


def test_roi_align_is_in_the_ledger():
    assert [(op.op, op.calls) for op in counted().uncounted] == [("torchvision.roi_align", 4)]


def test_it_runs_and_variants_share_weights():
    images = torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(0))
    plain, se = (build(ModelSpec(model=MODEL, variant=v, num_classes=5), seed=3) for v in ("plain", "se"))
    with torch.inference_mode():
        scores, offsets, *rpn = plain.module(images)
    assert (scores.shape, offsets.shape) == ((2000, 5), (2000, 20))
    assert [tuple(level.shape) for level in rpn[:2]] == [(2, 3, 24, 40), (2, 3, 12, 20)]
    assert all(torch.isfinite(tensor).all() for tensor in (scores, offsets, *rpn))
    shared = dict(plain.module.named_parameters())
    others = dict(se.module.named_parameters())
    assert all(torch.equal(parameter, others[name]) for name, parameter in shared.items())


def test_places365_changes_the_classifier_alone():
    # ResNet-152 of Table 5: 635 classes fewer, 635 x 2048 weights and 635 biases
    for variant in ("plain", "se"):
        imagenet = counted_params("resnet152", variant, None)
        assert counted_params("resnet152", variant, 365) == imagenet - 635 * 2048 - 635


def counted_params(model, variant, classes):
    spec = resolve_spec(model, variant, NetworkOptions(num_classes=classes))
    return count_model(spec, input_shape(spec)).cost.params
