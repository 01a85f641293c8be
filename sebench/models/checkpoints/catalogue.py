"""The layouts that are known, by sebench's own network.

A new one is a `Layout` here, and a test that loads random weights and statistics of the other library's
network and compares the outputs in float64: names and shapes that fit prove nothing.

Sources: torchvision, timm, Cadene's pretrainedmodels and pytorchcv, as they are installed for the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sebench.models.checkpoints.layout import Layout
from sebench.models.registry import ModelInfo

_STAGE = r"(?P<stage>\d+)"
_BLOCK = r"(?P<block>\d+)"
_OURS = "stage{stage}.{block}"
_CALLED = "timm's legacy_se* or Cadene's pretrainedmodels"
_LIBRARIES = "torchvision, timm or (last_linear) Cadene's pretrainedmodels"

_BOTTLENECKS = {
    rf"layer{_STAGE}\.{_BLOCK}\.conv(?P<n>\d)": f"{_OURS}.conv{{n}}.conv",
    rf"layer{_STAGE}\.{_BLOCK}\.bn(?P<n>\d)": f"{_OURS}.conv{{n}}.bn",
    rf"layer{_STAGE}\.{_BLOCK}\.se(?:_module)?\.(?P<fc>fc[12])": f"{_OURS}.attention.excite.{{fc}}",
    rf"layer{_STAGE}\.{_BLOCK}\.downsample\.0": f"{_OURS}.projection.conv",
    rf"layer{_STAGE}\.{_BLOCK}\.downsample\.1": f"{_OURS}.projection.bn",
}
_FROM_ONE = {"stage": 1}
_UNITS = rf"features\.stage{_STAGE}\.unit{_BLOCK}"
_UNITS_FROM_ONE = {"stage": 1, "block": -1}
_PYTORCHCV_BOTTLENECKS = {
    rf"{_UNITS}\.body\.conv(?P<n>\d)\.(?P<part>conv|bn)": f"{_OURS}.conv{{n}}.{{part}}",
    rf"{_UNITS}\.se\.conv(?P<n>[12])": f"{_OURS}.attention.excite.fc{{n}}",
    rf"{_UNITS}\.identity_conv\.(?P<part>conv|bn)": f"{_OURS}.projection.{{part}}",
}
_RESNETS = (
    Layout(
        library=_LIBRARIES,
        rules={
            "conv1": "stem.conv.conv",
            "bn1": "stem.conv.bn",
            **_BOTTLENECKS,
            "fc|last_linear": "head.fc",
        },
        shift=_FROM_ONE,
        stride_in="3x3",
        doubt="that it strides there is assumed, as in those libraries",
        otherwise="if not: --stride-in 1x1",
    ),
    Layout(
        library=_CALLED,
        rules={
            r"layer0\.conv1": "stem.conv.conv",
            r"layer0\.bn1": "stem.conv.bn",
            **_BOTTLENECKS,
            "last_linear": "head.fc",
        },
        shift=_FROM_ONE,
        arguments={"pool": "ceil"},
        doubt="that its stem pools without padding is assumed, as in those libraries",
        otherwise="if not: --model-arg pool=padded",
    ),
    Layout(
        library="pytorchcv",
        rules={
            r"features\.init_block\.conv\.(?P<part>conv|bn)": "stem.conv.{part}",
            **_PYTORCHCV_BOTTLENECKS,
            "output": "head.fc",
        },
        shift=_UNITS_FROM_ONE,
        doubt="that it strides in the 1x1 is assumed, as resnet50 and seresnet50 there do, not resnet50b",
        otherwise="if not: --stride-in 3x3",
    ),
)
_RESNEXTS = tuple(
    layout if layout.arguments else replace(layout, stride_in=None, doubt=None, otherwise=None)
    for layout in _RESNETS
)
"""All of them stride in the 3x3, as sebench's do."""
_SENET_STEM = {r"layer0\.conv(?P<n>\d)": "stem.conv{n}.conv", r"layer0\.bn(?P<n>\d)": "stem.conv{n}.bn"}
_SENETS = (
    Layout(
        library=_CALLED,
        rules={**_SENET_STEM, **_BOTTLENECKS, "last_linear": "head.fc"},
        shift=_FROM_ONE,
        arguments={"pool": "ceil"},
        doubt="that its stem pools without padding is assumed, as in those libraries",
        otherwise="if not: --model-arg pool=padded",
    ),
    Layout(
        library="pytorchcv",
        rules={
            r"features\.init_block\.conv(?P<n>\d)\.(?P<part>conv|bn)": "stem.conv{n}.{part}",
            **_PYTORCHCV_BOTTLENECKS,
            r"output\.fc": "head.fc",
        },
        shift=_UNITS_FROM_ONE,
    ),
)
_VGG_GROUPS = (2, 2, 3, 3, 3)


def _vgg_features(name: str) -> dict[str, str]:
    """Convolution, normalisation and ReLU are three numbers, the pooling behind a group is one."""
    rules, number = {}, 0
    for stage, depth in enumerate(_VGG_GROUPS, start=1):
        for index in range(1, depth + 1):
            for part in ("conv", "bn"):
                rules[rf"{name}\.{number}"] = f"stage{stage}.conv{index}.body.{part}"
                number += 1
            number += 1
        number += 1
    return rules


_VGGS = (
    Layout(
        library="torchvision",
        rules=_vgg_features("features")
        | {rf"classifier\.{number}": f"head.fc{index}" for index, number in enumerate((0, 3, 6), start=1)},
    ),
    Layout(
        library="timm",
        rules=_vgg_features("features")
        | {r"pre_logits\.(?P<fc>fc[12])": "head.{fc}", r"head\.fc": "head.fc3"},
    ),
    Layout(
        library="Cadene's pretrainedmodels",
        rules=_vgg_features("_features")
        | {"linear0": "head.fc1", "linear1": "head.fc2", "last_linear": "head.fc3"},
    ),
    Layout(
        library="pytorchcv",
        rules={
            rf"{_UNITS}\.(?P<part>conv|bn)": "stage{stage}.conv{block}.body.{part}",
            r"output\.(?P<fc>fc[12])\.fc": "head.{fc}",
            r"output\.fc3": "head.fc3",
        },
    ),
)
_ALEXNET_FEATURES = ((0, 1, 1), (3, 2, 2), (6, 3, 3), (8, 3, 4), (10, 3, 5))
"""Number there, stage and number of the convolution here."""


def _alexnet_features(name: str) -> dict[str, str]:
    return {
        rf"{name}\.{number}": f"stage{stage}.conv{conv}.body.conv"
        for number, stage, conv in _ALEXNET_FEATURES
    }


_ALEXNETS = (
    Layout(
        library="torchvision",
        rules=_alexnet_features("features")
        | {rf"classifier\.{number}": f"head.fc{index}" for index, number in enumerate((1, 4, 6), start=1)},
    ),
    Layout(
        library="Cadene's pretrainedmodels",
        rules=_alexnet_features("_features")
        | {"linear0": "head.fc1", "linear1": "head.fc2", "last_linear": "head.fc3"},
    ),
)
_PART = r"\.(?P<part>conv|bn)"
_MIXED = r"Mixed_(?=(?P<stage>\d))(?P<module>\d[a-e])\."
_MIXED_OURS = "stage{stage}.mixed_{module}.body"
_LAST = r"Mixed_7(?P<module>[bc])\."
_LAST_OURS = "stage5.mixed_7{module}.body"
_INCEPTIONS = (
    Layout(
        library=_LIBRARIES,
        rules={
            f"Conv2d_{there}{_PART}": f"stem.conv{number}.{{part}}"
            for number, there in enumerate(("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"), start=1)
        }
        | {
            f"{_LAST}branch3x3_1{_PART}": f"{_LAST_OURS}.conv3x3.reduce.{{part}}",
            f"{_LAST}branch3x3_2a{_PART}": f"{_LAST_OURS}.conv3x3.split.row.{{part}}",
            f"{_LAST}branch3x3_2b{_PART}": f"{_LAST_OURS}.conv3x3.split.column.{{part}}",
            rf"{_LAST}branch3x3dbl_(?P<index>[12]){_PART}": (
                f"{_LAST_OURS}.double3x3.reduce.{{index}}.{{part}}"
            ),
            f"{_LAST}branch3x3dbl_3a{_PART}": f"{_LAST_OURS}.double3x3.split.row.{{part}}",
            f"{_LAST}branch3x3dbl_3b{_PART}": f"{_LAST_OURS}.double3x3.split.column.{{part}}",
            f"{_MIXED}branch1x1{_PART}": f"{_MIXED_OURS}.conv1x1.{{part}}",
            f"{_MIXED}branch3x3{_PART}": f"{_MIXED_OURS}.conv3x3.0.{{part}}",
            f"{_MIXED}branch_pool{_PART}": f"{_MIXED_OURS}.pool.conv.{{part}}",
            rf"{_MIXED}branch(?P<size>[357]x[357])(?:x3)?_(?P<index>\d){_PART}": (
                f"{_MIXED_OURS}.conv{{size}}.{{index}}.{{part}}"
            ),
            rf"{_MIXED}branch(?P<size>[37]x[37])dbl_(?P<index>\d){_PART}": (
                f"{_MIXED_OURS}.double{{size}}.{{index}}.{{part}}"
            ),
            "fc|last_linear": "head.fc",
        },
        shift={"stage": -2, "index": -1},
        left_out=r"AuxLogits\.",
        arguments={"eps": "0.001"},
    ),
)
_MOBILENETS = (
    Layout(
        library="timm",
        rules={
            "conv_stem": "stem.conv",
            "bn1": "stem.bn",
            rf"blocks\.{_STAGE}\.{_BLOCK}\.conv_dw": f"{_OURS}.body.depthwise.conv",
            rf"blocks\.{_STAGE}\.{_BLOCK}\.bn1": f"{_OURS}.body.depthwise.bn",
            rf"blocks\.{_STAGE}\.{_BLOCK}\.conv_pw": f"{_OURS}.body.pointwise.conv",
            rf"blocks\.{_STAGE}\.{_BLOCK}\.bn2": f"{_OURS}.body.pointwise.bn",
            "classifier": "head.fc",
        },
        shift=_FROM_ONE,
        arguments={"activation": "relu6"},
    ),
    Layout(
        library="pytorchcv",
        rules={
            r"features\.init_block\.(?P<part>conv|bn)": "stem.{part}",
            rf"{_UNITS}\.dw_conv{_PART}": f"{_OURS}.body.depthwise.{{part}}",
            rf"{_UNITS}\.pw_conv{_PART}": f"{_OURS}.body.pointwise.{{part}}",
            "output": "head.fc",
        },
        shift={"block": -1},
    ),
)
_CIFAR = (
    Layout(
        library="pytorchcv",
        rules={
            r"features\.init_block": "stem",
            rf"{_UNITS}\.body\.conv(?P<n>\d){_PART}": f"{_OURS}.{{part}}{{n}}",
            rf"{_UNITS}\.identity_conv": f"{_OURS}.projection",
            r"features\.post_activ\.bn": "head.bn",
            "output": "head.classifier.fc",
        },
        shift=_UNITS_FROM_ONE,
    ),
)
_BY_FAMILY: Mapping[str, tuple[Layout, ...]] = {
    "resnet": _RESNETS,
    "senet": _SENETS,
    "vgg": _VGGS,
    "alexnet": _ALEXNETS,
    "mobilenet": _MOBILENETS,
    "cifar": _CIFAR,
}
_BY_NAME: Mapping[str, tuple[Layout, ...]] = {
    "inception_v3": _INCEPTIONS,
    "resnext50_32x4d": _RESNEXTS,
    "resnext101_32x4d": _RESNEXTS,
}


def layouts_of(info: ModelInfo) -> tuple[Layout, ...]:
    """Layouts that weights of a network may have in other libraries."""
    return _BY_NAME.get(info.name) or _BY_FAMILY.get(info.family, ())


def recognised(keys: Iterable[str], info: ModelInfo) -> Layout | None:
    """The layout of a file by its keys; None where they are sebench's own, or nobody's.

    A file that fits none wholly is taken for one of the layout that knows most of its keys, if that is more
    than half of them, so that what does not fit can be named.
    """
    names = list(keys)
    known = {
        layout: sum(layout.name(key) is not None or layout.leaves_out(key) for key in names)
        for layout in layouts_of(info)
    }
    best = max(known, key=lambda layout: known[layout], default=None)
    return best if best is not None and 2 * known[best] > len(names) else None
