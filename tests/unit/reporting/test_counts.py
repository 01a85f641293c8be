import pytest
from msgspec.structs import replace

from sebench.reporting import count_document
from sebench.reporting.counts import SHARE_NOTE, model_text
from sebench.reporting.document import Section
from tests.tables import cells, column


def record(document, row=0):
    return cells(document.tables[0])[row]


def breakdown(model, kind):
    (section,) = (part for part in count_document([model], [kind]).body if isinstance(part, Section))
    return section.body[0]


def test_totals(make):
    document = count_document([make.model_cost()])
    assert document.title == "Static cost of resnet50 se"
    assert document.tables[0].title == "Totals, 1x3x224x224 float32 inference"
    assert record(document) == {
        "model": "resnet50",
        "variant": "se",
        "input": "1x3x224x224 float32 inference",
        "params": 10_000,
        "macs": 5512,  # 1000 + 4000 + 512
        "paper_macs": 5640,  # + 64 adds + 64 squeezed
        "flops": 11_216,  # 2000 + 8000 + 64 + 64 + 1024 + 64
        "bytes": 3216,
        "bytes_read": 1680,  # 400 + 512 + 256 + 512
        "bytes_written": 1536,  # 1024 + 256 + 256
        "sites": 1,
        "attention_params": 0.058,  # 580 / 10_000
        "attention_macs": pytest.approx(512 / 5512),
        "attention_bytes": pytest.approx(1024 / 3216),
        "buffers": 100,
    }


def test_what_differs_between_networks_is_in_the_rows(make):
    document = count_document([make.model_cost(variant="plain"), make.model_cost(phase="training")])
    table = document.tables[0]
    assert document.title == "Static cost of 2 models"
    assert table.title == "Totals"
    assert [column.role for column in table.columns if column.key == "input"] == ["fold"]
    assert [record(document, row)["saved_bytes"] for row in (0, 1)] == [None, 6144]  # 2048 + 4096
    assert record(document)["attention_macs"] == 0
    assert any(note.startswith("saved: activation bytes") for note in document.notes)


def test_by_op_most_expensive_first(make):
    table = breakdown(make.model_cost(), "op")
    assert column(table, "op")[:2] == ["aten.convolution", "aten.addmm"]
    assert cells(table)[0] == {
        "model": "resnet50",
        "variant": "se",
        "op": "aten.convolution",
        "calls": 3,
        "macs": 5000,
        "paper_macs": 5000,
        "flops": 10_000,
        "bytes_read": 400,
        "bytes_written": 1024,
    }


def test_training_has_forward_then_backward_and_saved_bytes(make):
    table = breakdown(make.model_cost(phase="training"), "stage")
    assert [each.key for each in table.columns if each.role == "group"] == ["phase"]
    assert column(table, "phase") == ["forward", "forward", "backward", "backward"]
    assert column(table, "saved_bytes") == [2048, 4096, None, None]


def test_by_site_counts_parameters_once(make):
    table = breakdown(make.model_cost(phase="training"), "site")
    assert column(table, "site") == ["layer1.0.se"] * 2
    assert column(table, "stage_of_site") == ["2", "2"]
    assert column(table, "params") == [580, None]


def roles(table):
    return {column.key: column.role for column in table.columns}


def test_a_sites_stage_is_in_its_name_for_a_reader(make):
    assert roles(breakdown(make.model_cost(), "site"))["stage_of_site"] == "data"


def test_attentions_share_is_shown_only_where_there_is_attention(make):
    share = ("sites", "attention_params", "attention_bytes")
    attended = count_document([make.model_cost(variant="plain"), make.model_cost()]).tables[0]
    assert [roles(attended)[key] for key in share] == ["value"] * 3
    assert attended.notes == (SHARE_NOTE,)
    plain = count_document([make.model_cost(variant="plain")]).tables[0]
    assert [roles(plain)[key] for key in share] == ["data"] * 3
    assert plain.notes == ()


def test_a_network_without_sites_says_so(make):
    table = breakdown(make.model_cost(variant="plain"), "site")
    assert table.rows == ()
    assert table.notes == ("there is none in this network",)


def test_a_network_without_stages_has_a_nameless_row(make):
    model = make.model_cost()
    ops = tuple(replace(op, stage="") for op in model.cost.ops)
    table = breakdown(replace(model, cost=replace(model.cost, ops=ops)), "stage")
    assert [row[2].text for row in table.rows] == ["(none)"]


def test_the_ledger_is_printed_or_said_to_be_empty(make):
    assert count_document([make.model_cost()]).notes[-1] == (
        "resnet50 se: not counted, in no total: aten.erf (1 call)"
    )
    assert count_document([make.model_cost(variant="plain")]).notes[-1].startswith("Every op has a formula")


def test_names_carry_what_sets_a_network_apart(make):
    model = make.model_cost(num_classes=10, stride_in="3x3")
    assert model_text(model) == "resnet50 se, 10 classes, stride in the 3x3"


def test_nothing_to_count():
    document = count_document([])
    assert document.title == "Static cost of 0 models"
    assert document.tables[0].rows == ()
