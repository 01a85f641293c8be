"""Counted costs against each other."""

import pytest

from sebench.errors import UsageError
from sebench.reporting import cost_picture
from sebench.schema import ModelCost, ModelSpec
from tests import samples


def model(name, variant, params, macs):
    return ModelCost(spec=ModelSpec(model=name, variant=variant), cost=samples.cost(params, macs))


PLAIN, SE, OTHER = model("a", "plain", 100, 1000), model("a", "se", 110, 1001), model("b", "plain", 50, 4000)


def marks(picture):
    (panel,) = picture.panels
    return {series.name: [(point.x, point.y) for point in series.points] for series in panel.chart.series}


def test_variants_are_relative_to_the_first_of_their_network():
    picture = cost_picture([PLAIN, OTHER, SE])
    # 110 / 100 and 1001 / 1000; b stands alone
    assert marks(picture) == {"parameters": [(1.1, 0)], "MACs": [(1.001, 0)]}
    (panel,) = picture.panels
    assert panel.chart.y.categories == ("a se\nparameters +10.00 %, MACs +0.10 %",)
    assert panel.chart.x.title == "relative to a plain"
    assert picture.subtitle == "inference, input 1x3x224x224"


def test_several_networks_have_each_their_own_reference():
    picture = cost_picture([PLAIN, SE, OTHER, model("b", "se", 60, 4000)])
    assert marks(picture)["parameters"] == [(1.1, 0), (1.2, 1)]
    assert picture.panels[0].chart.x.title == "relative to the first variant of the same network"


def test_networks_with_one_variant_each_are_relative_to_the_first():
    picture = cost_picture([PLAIN, OTHER])
    assert marks(picture) == {"parameters": [(0.5, 0)], "MACs": [(4.0, 0)]}
    assert picture.panels[0].chart.x.title == "relative to a plain"


def test_zero_has_no_ratio():
    picture = cost_picture([PLAIN, model("a", "none", 0, 0)])
    assert marks(picture) == {"parameters": [], "MACs": []}
    assert picture.panels[0].chart.y.categories == ("a none\nparameters -, MACs -",)


def test_one_network_is_nothing_to_compare():
    with pytest.raises(UsageError, match="there is one; add a -v or a --model"):
        cost_picture([PLAIN])
