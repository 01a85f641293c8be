import json
from types import SimpleNamespace

import pytest

from sebench.reporting import catalog_document, catalog_json
from sebench.reporting.catalog import stages_text
from sebench.schema import ATTENTION_KINDS
from sebench.schema.forms import FORMS

MODEL = SimpleNamespace(
    name="resnet50",
    family="resnet",
    image_size=224,
    num_classes=1000,
    stages=(2, 3, 4, 5),
    source="CVPR Table 2",
)
VARIANT = SimpleNamespace(syntax="se(r=8)", meaning="reduction ratio of the bottleneck", default="16")


def test_models_and_variants():
    models, variants = catalog_document(models=[MODEL], variants=[VARIANT]).tables
    assert [cell.text for cell in models.rows[0]] == [
        "resnet50",
        "resnet",
        "224",
        "1000",
        "2-5",
        "CVPR Table 2",
    ]
    assert [cell.value for cell in models.rows[0]][2:4] == [224, 1000]
    assert [cell.text for cell in variants.rows[0]] == ["se(r=8)", "reduction ratio of the bottleneck", "16"]


def test_what_is_not_asked_for_is_left_out():
    assert [table.title for table in catalog_document(models=[MODEL]).tables] == ["Models"]
    assert [table.title for table in catalog_document(variants=[VARIANT]).tables] == ["Variants"]
    assert catalog_document().tables == ()


@pytest.mark.parametrize(
    ("stages", "text"), [((2, 3, 4, 5), "2-5"), ((2, 4), "2, 4"), ((3,), "3"), ((), "-"), ((1, 2), "1-2")]
)
def test_stages(stages, text):
    assert stages_text(stages) == text


def test_json():
    assert json.loads(catalog_json(models=[MODEL], variants=[VARIANT])) == {
        "schema": "sebench/1",
        "kind": "catalog",
        "models": [
            {
                "name": "resnet50",
                "family": "resnet",
                "image_size": 224,
                "num_classes": 1000,
                "stages": [2, 3, 4, 5],
                "source": "CVPR Table 2",
            }
        ],
        "variants": [{"syntax": "se(r=8)", "meaning": "reduction ratio of the bottleneck", "default": "16"}],
        "tables": [],
        "sources": [],
        "attention": [],
        "forms": [],
    }


def test_attention_has_its_cost_options_and_paper():
    table, forms = catalog_document(attention=[ATTENTION_KINDS["simam"]]).tables
    assert [cell.text for cell in table.rows[0]] == [
        "simam",
        "SimAM",
        "0",
        "0",
        "lam=0.0001",
        "Yang et al., ICML 2021",
    ]
    assert [row[0].text for row in forms.rows] == [form.name for form in FORMS]
    (kind,) = json.loads(catalog_json(attention=[ATTENTION_KINDS["simam"]]))["attention"]
    assert {**kind, "options": kind["options"][0]} == {
        "name": "simam",
        "label": "SimAM",
        "paper": "Yang et al., ICML 2021",
        "params": "0",
        "macs": "0",
        "options": {
            "name": "stages",
            "values": "2-4 or 2+4",
            "default": "all",
            "meaning": "stages that carry it, in the paper's numbering",
        },
    }


def test_forms_are_listed_below_attention():
    _, table = catalog_document(attention=[ATTENTION_KINDS["se"]]).tables
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert list(rows) == [form.name for form in FORMS]
    assert rows["folded"][1:] == [
        "onnxruntime",
        "pooled, blocked",
        "batch 1, a processor of the same vector width",
    ]
    listed = json.loads(catalog_json(attention=[ATTENTION_KINDS["se"]]))["forms"]
    assert listed[0] == {
        "name": "pooled",
        "help": FORMS[0].help,
        "level": "graph",
        "fixed_batch": False,
        "largest_batch": None,
        "runtimes": ["eager", "cudagraph", "compile", "freezing", "onnxruntime", "openvino", "executorch"],
        "phases": ["inference"],
        "implies": [],
    }
