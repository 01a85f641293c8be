"""What `sebench lock` says, in every format."""

import json

from msgspec.structs import replace

from sebench.analysis.lock import lock_changes, make_lock
from sebench.reporting import lock_document, lock_json, render
from sebench.schema import LockDiff
from tests.locks import COSTS, TORCH, entry

OLD = make_lock([entry({"2.14": COSTS, TORCH: COSTS}, params=25_557_032), entry(model="alexnet")])
NEW = make_lock(
    [
        entry({TORCH: replace(COSTS, ops={**COSTS.ops, "aten.mul": 16})}, params=25_600_000),
        entry(model="vgg16_bn", variant="plain", num_classes=10),
    ]
)
DIFF = LockDiff(
    file="sebench.lock.json", status="differs", torch=TORCH, networks=2, changes=lock_changes(OLD, NEW)
)


def test_the_difference_as_a_table():
    text = render(lock_document(DIFF), "table", width=100)
    assert (
        text
        == """Lock of exact costs

sebench.lock.json differs from what is counted now (2 networks, torch 2.15); nothing was written.

metric                                lock         now   change
------------------------------- ----------- ----------- -------
alexnet se, 1x3x224x224
network                             locked     removed

resnet50 se, 1x3x224x224
params                          25,557,032  25,600,000  +0.17 %
torch 2.14                          locked     dropped
calls of aten.mul (torch 2.15)           0          16

vgg16_bn plain, 10 classes, 1x3x224x224
network                                  -       added

- dropped: the network is another one, so figures counted with that torch version say nothing about
  it
"""
    )


def test_the_difference_as_json():
    document = json.loads(lock_json(DIFF))
    assert {key: document[key] for key in document if key != "changes"} == {
        "schema": "sebench/1",
        "kind": "lock_diff",
        "file": "sebench.lock.json",
        "status": "differs",
        "torch": "2.15",
        "networks": 2,
    }
    assert [change["change"] for change in document["changes"]] == [
        "network-removed",
        "changed",
        "torch-removed",
        "changed",
        "network-added",
    ]
    assert document["changes"][1] == {
        "model": "resnet50",
        "variant": "se",
        "num_classes": None,
        "stride_in": None,
        "model_args": [],
        "weights": None,
        "insert_after": None,
        "attention_class": None,
        "example_inputs": None,
        "input_shape": [1, 3, 224, 224],
        "change": "changed",
        "torch": None,
        "metric": "params",
        "op": None,
        "before": 25_557_032,
        "after": 25_600_000,
    }


def test_other_formats_hold_every_change():
    markdown = render(lock_document(DIFF), "markdown")
    assert "| params | 25,557,032 | 25,600,000 | +0.17 % |" in markdown
    csv = render(lock_document(DIFF), "csv")
    assert len(csv.splitlines()) == 1 + 5


def test_nothing_changed():
    same = replace(DIFF, status="unchanged", changes=(), networks=1)
    assert render(lock_document(same), "table", width=100) == (
        "Lock of exact costs\n\nsebench.lock.json is unchanged (1 network, torch 2.15).\n"
    )
    written = replace(same, status="written")
    assert "sebench.lock.json was written" in render(lock_document(written), "markdown")
