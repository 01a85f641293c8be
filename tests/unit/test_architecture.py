"""docs/architecture.md is true: the picture, the files it names, and each place where something is added."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from torch import nn

from sebench import models
from sebench.cli import _options
from sebench.models import registry
from sebench.models.layers import sequence
from sebench.models.slots import Attended
from sebench.reporting import formats
from sebench.reporting.document import Document
from sebench.runner.counting.counter import count_model
from sebench.schema import ModelSpec
from tests.scripts import script

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_layers_are_drawn_as_they_are():
    with script("draw_layers") as draw_layers:
        assert draw_layers.with_drawing(PAGE) == PAGE, "run python scripts/draw_layers.py"


def test_an_arrow_that_others_imply_is_left_out():
    with script("draw_layers") as draw_layers:
        edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
        assert draw_layers.without_implied(edges) == {"a": {"b"}, "b": {"c"}, "c": set()}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.\w+)?)`", PAGE))))
def test_files_that_are_named_are_there(path):
    assert (ROOT / path).exists() or (ROOT / "sebench" / path).exists()


def test_every_package_is_in_the_table():
    named = set(
        re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in PAGE.splitlines() if "| `" in line))
    )
    packages = {path.parent.name for path in (ROOT / "sebench").glob("*/__init__.py")}
    assert packages <= named


@pytest.mark.parametrize(
    "what", ["backbone", "kind of attention", "metric", "output format", "runtime", "source of networks"]
)
def test_each_recipe_has_five_steps(what):
    recipe = re.search(rf"### An? {what}\n(.*?)(?=\n### |\Z)", PAGE, re.DOTALL)[1]
    assert re.findall(r"^(\d)\. ", recipe, re.MULTILINE) == list("12345")


# A toy of each, added where the page says. Attention: test_attention_kinds.py; sources: test_sources.py;
# metrics: test_metrics_catalogue.py.


def toy_network(slots, num_classes, stride_in=None):
    """A convolution of 3 x 3 to 8 channels with its slot, and a classifier."""
    return sequence(
        stage1=Attended(nn.Conv2d(3, 8, 3, padding=1, bias=False), 8, slots, 1),
        pool=nn.AdaptiveAvgPool2d(1),
        flat=nn.Flatten(),
        classifier=nn.Linear(8, num_classes),
    )


def test_a_backbone_is_a_factory_and_an_entry(monkeypatch):
    family = ModuleType("sebench.models.toy")
    family.toy8 = toy_network
    monkeypatch.setitem(sys.modules, family.__name__, family)
    entry = replace(
        registry.MODELS["vgg16_bn"],
        name="toy8",
        family="toy",
        image_size=32,
        num_classes=10,
        stage_channels={1: 8},
    )
    monkeypatch.setitem(registry.MODELS, "toy8", entry)
    assert entry in models.list_models()
    spec = models.resolve(ModelSpec(model="toy8", variant="se(r=4)"))
    cost = count_model(spec, (1, 3, 32, 32)).cost
    # 8 x 27 weights; 8 x 10 + 10; the gate's 8 x 2 + 2 and 2 x 8 + 8
    assert cost.params == 216 + 90 + 18 + 24


def test_a_format_is_a_function_and_an_entry(monkeypatch):
    module = ModuleType("sebench.reporting.toy")
    module.render_toy = lambda document: document.title.upper()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(formats.RENDERERS, "toy", "sebench.reporting.toy:render_toy")
    assert formats.render(Document("a title", ()), "toy") == "A TITLE"


def test_every_format_is_offered():
    assert tuple(formats.RENDERERS) == get_args(formats.Format)
    assert set(get_args(_options.Format)) == {*formats.RENDERERS, "json"}
