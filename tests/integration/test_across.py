"""``sebench compare --across`` as a user runs it."""

import csv
import io
import json

import pytest
from msgspec.structs import replace

from sebench.schema import Workload
from sebench.store import ResultStore
from tests.sweeps import LARGE, THIRD, on_machine

EIGHT = Workload(batch_size=8, input_shape=(8, 3, 224, 224), threads=2)


@pytest.fixture
def stores(tmp_path):
    """Two directories: of one machine, and of two others."""
    one, others = ResultStore(tmp_path / "one"), ResultStore(tmp_path / "others")
    one.add(on_machine(1.05))
    one.add(on_machine(1.3, workload=EIGHT, id="r-eight-Sample"))
    others.add(on_machine(1.2, LARGE))
    others.add(on_machine(1.1, THIRD))
    return one, others


def test_stores_are_put_side_by_side(invoke, stores):
    done = invoke("compare --across one others")
    assert done.stdout.startswith("resnet50: plain -> se across machines\n")
    assert "Large CPU pays most for SE, ratio 1.200" in done.stdout.replace("\n", " ")
    assert done.stderr == "left out: 1 of 2 comparisons, measured on one machine only\n"


def test_the_usual_directory_is_meant_without_one(invoke, tmp_path):
    store = ResultStore(tmp_path / ".sebench" / "results")
    store.add(on_machine(1.05))
    store.add(on_machine(1.2, LARGE))
    assert "Large CPU pays most" in invoke("compare --across").stdout.replace("\n", " ")


def test_a_result_that_is_in_both_stores_is_one(invoke, stores):
    stores[1].add(on_machine(1.05))
    rows = list(csv.DictReader(io.StringIO(invoke("compare --across one others -f csv -q").stdout)))
    assert [(row["machine"], row["older_results"]) for row in rows] == [
        ("Large CPU", "0"),
        ("Third CPU", "0"),
        ("Sample CPU", "0"),
    ]


def test_filters_narrow_it(invoke, stores):
    stores[1].add(on_machine(1.4, LARGE, workload=EIGHT, id="r-eight-Large"))
    found = json.loads(invoke("compare --across one others -b 8 -f json").stdout)
    (entry,) = found["comparisons"]
    assert [machine["machine"] for machine in entry["machines"]] == ["Large CPU", "Sample CPU"]
    assert entry["machines"][0]["latency"]["workload"]["batch_size"] == 8
    assert len(json.loads(invoke("compare --across one others -f json").stdout)["comparisons"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-m resnet5", "no result has model 'resnet5'; did you mean 'resnet50'?"),
        ("-v eca", "no result has variant 'eca'"),
        ("-b 32", "no result has batch size 32"),
        ("--runtime openvino", "no result has runtime 'openvino'"),
        ("--baseline eca", "no such result has this baseline"),
        ("-b 8", "one, others: nothing was measured alike on two machines"),
    ],
)
def test_nothing_that_matches_is_one_line_and_exit_4(invoke, stores, options, message):
    done = invoke(f"compare --across one others {options}", check=False)
    assert (done.exit_code, done.stdout) == (4, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_results_at_all(invoke, tmp_path):
    done = invoke("compare --across", check=False)
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == "sebench: error: .sebench/results: there are no results\n"


def test_a_directory_that_does_not_exist_is_an_error(invoke):
    done = invoke("compare --across nowhere", check=False)
    assert (done.exit_code, done.stderr) == (
        1,
        "sebench: error: cannot read nowhere: there is no such directory\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "compare --across --effort quick",
            "--effort cannot be combined with --across, which measures nothing",
        ),
        ("compare --across --from a b", "--from cannot be combined with --across"),
        ("compare --across --runtime eager --runtime openvino", "--runtime takes one value with --across"),
        ("compare here", "got unexpected extra argument(s) (here); directories of results need --across"),
    ],
)
def test_what_cannot_be_meant_is_refused(invoke, arguments, message):
    done = invoke(arguments, check=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_picture_is_drawn(invoke, stores, tmp_path):
    invoke("compare --across one others --plot machines.svg -q")
    assert "Third CPU" in (tmp_path / "machines.svg").read_text()


def test_networks_have_a_table_each(invoke, stores):
    for store, environment in zip(stores, (THIRD, LARGE), strict=True):
        found = on_machine(1.1, environment, id=f"other-{environment.cpu['model'][:5]}")
        pair = found.pair
        sides = {
            side: replace(getattr(pair, side), model="mobilenet_v1") for side in ("baseline", "candidate")
        }
        store.add(replace(found, pair=replace(pair, **sides)))
    text = invoke("compare --across one others -q").stdout
    assert text.startswith("2 comparisons across machines\n")
    assert "\nresnet50: plain -> se, CPU inference" in text
    assert "\nmobilenet_v1: plain -> se, CPU inference" in text
