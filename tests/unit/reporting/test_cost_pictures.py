"""Counted costs against each other."""

import pytest

from sebench.errors import UsageError
from sebench.paper.tables.registry import TABLES
from sebench.paper.tables.values import Entry, EntryColumn, PaperTable, TableRow
from sebench.reporting import check_table_picture, cost_picture, tables_picture
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


def row(name, plain, se, *errors):
    entries = tuple(Entry(here=value, here_text=str(value)) if value else Entry() for value in (plain, se))
    return TableRow(labels=(name,), entries=entries, quoted=("-", *errors))


TABLE2 = PaperTable(
    name="2",
    title="Table 2: ImageNet",
    source="CVPR 2018, Table 2",
    labels=("network",),
    columns=(EntryColumn(key="plain", title="GFLOPs"), EntryColumn(key="se", title="SE GFLOPs")),
    quoted=("original", "plain err", "SE err"),
    rows=(
        row("ResNet-50", 3.863, 3.872, "24.80/7.48", "23.29/6.62"),
        row("VGG-16", 15.47, 15.484, "27.02/8.81", "25.22/7.70"),
        row("Unknown", None, 1.0, "20.0/-", ""),
    ),
)


def test_cost_against_the_first_of_the_errors():
    picture = tables_picture([TABLE2])
    assert (picture.title, picture.subtitle) == ("Table 2: ImageNet", "CVPR 2018, Table 2")
    (panel,) = picture.panels
    front, plain, se = panel.chart.series
    assert [(p.x, p.y, p.name) for p in plain.points] == [
        (3.863, 24.8, "ResNet-50"),
        (15.47, 27.02, "VGG-16"),
    ]
    assert [(p.x, p.y, p.name) for p in se.points] == [
        (3.872, 23.29, "ResNet-50 SE"),
        (15.484, 25.22, "VGG-16 SE"),
    ]
    # VGG-16 costs more and errs more than ResNet-50 in both forms.
    assert [point.name for point in front.points] == ["ResNet-50", "ResNet-50 SE"]
    assert panel.chart.x.title == "GFLOPs, counted here"
    assert panel.chart.y.title == "top-1 error (%), quoted"
    assert "Errors are quoted from the papers, not measured." in panel.notes[0]


def test_several_tables_are_panels_and_those_without_a_picture_are_left_out():
    other = PaperTable(name="1", title="Table 1", source="CVPR", labels=(), columns=(), rows=())
    picture = tables_picture([other, TABLE2])
    assert [panel.title for panel in picture.panels] == ["Table 2: ImageNet (CVPR 2018, Table 2)"]


@pytest.mark.parametrize("name", ["1", "section4", "detection"])
def test_a_table_without_a_picture_is_refused(name):
    with pytest.raises(UsageError, match=f"table {name} has no errors .*; those with a picture are 2, 3, 7,"):
        check_table_picture([name])


def test_all_tables_together_have_pictures():
    check_table_picture(tuple(TABLES))
