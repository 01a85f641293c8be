"""The table of a directory: what is found in it, in which order, and that it keeps no more than it needs."""

from datetime import UTC, datetime
from itertools import product

import msgspec
import pytest
from msgspec.structs import replace

from sebench.schema import ModelSpec, Pair, ResultSummary, Workload, WorkloadRequest
from sebench.store import Contents, criteria, unmatched
from sebench.store.contents import Table

MODELS, VARIANTS, COMMITS = ("resnet50", "vgg16_bn"), ("se", "eca"), ("aa", "bb", None)


def summary(number, model="resnet50", variant="se", commit="aa", **fields):
    """One of several results, a minute apart."""
    values = {
        "path": f"results/{number:02}.json",
        "id": f"{number:02}",
        "created_at": f"2026-11-01T12:{number:02}:00+00:00",
        "sebench": "0.1.0",
        "pair": Pair(baseline=ModelSpec(model=model), candidate=ModelSpec(model=model, variant=variant)),
        "workloads": (Workload(input_shape=(1, 3, 224, 224), threads=1 + number % 2),),
        "fingerprint": f"f{number % 3}",
        "commit": commit,
        "dirty": (True, False, None)[number % 3],
    }
    return ResultSummary(**{**values, **fields})


def several():
    return [summary(number, *case) for number, case in enumerate(product(MODELS, VARIANTS, COMMITS))]


def table(summaries, before=None, without=()):
    facts = {one.path.rpartition("/")[2]: ((10, 20), one) for one in summaries}
    return (before or Table()).updated({*without, *facts}, facts)


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path.relative_to(tmp_path) / "results"


CONDITIONS = (
    {},
    {"model": "vgg16_bn"},
    {"variant": ["eca"]},
    {"model": "resnet5"},
    {"commit": "b"},
    {"fingerprint": "f1"},
    {"since": datetime(2026, 11, 1, 12, 5, tzinfo=UTC)},
    {"since": datetime(2026, 11, 2, tzinfo=UTC)},
    {"workload": WorkloadRequest(threads=2)},
    {"workload": WorkloadRequest(threads=2, batch_size=3)},
    {"model": "resnet50", "variant": "se", "commit": "aa", "fingerprint": "f0"},
    {"commit": "bb", "since": datetime(2026, 11, 1, 12, 7, tzinfo=UTC)},
)


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_conditions_select_what_they_hold_for(directory, conditions):
    wanted = criteria(**conditions)
    everything = several()
    contents = Contents(directory, table(reversed(everything)))
    assert list(contents.results) == everything
    expected = [one for one in everything if all(criterion.holds(one) for criterion in wanted)]
    assert list(contents.select(wanted)) == expected
    assert list(contents.select(wanted, newest=2)) == expected[-2:]
    # What is said where nothing is found needs no more than some of the results.
    assert unmatched(contents.examples(), wanted) == unmatched(everything, wanted)


def test_examples_are_few(directory):
    # Of 60 results, one for each of 2 x 2 pairs under 2 numbers of threads, 3 commits, 3 set-ups; the newest.
    many = [
        summary(number, *case)
        for number, case in zip(range(60), [*product(MODELS, VARIANTS, COMMITS)] * 5, strict=True)
    ]
    contents = Contents(directory, table(many))
    assert len(contents) == 60
    assert len(contents.examples()) <= 8 + 3 + 3 + 1


def test_the_table_survives_being_written(directory):
    written = table(several(), Table(no_results={"odd.json": ((1, 2), "is empty")}))
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=Table)
    assert read == written
    assert list(Contents(directory, read).results) == several()
    assert read.stamps() == {f"{number:02}.json": (10, 20) for number in range(12)} | {"odd.json": (1, 2)}


def test_files_that_went_leave_nothing(directory):
    before = table([*several(), summary(20, "only_here", commit="cc", fingerprint="alone", sebench="9.9")])
    after = before.updated(["20.json"], {})
    assert after == table(several())
    assert msgspec.msgpack.encode(before).count(b"only_here") == 2  # baseline and candidate
    assert b"only_here" not in msgspec.msgpack.encode(after)
    assert before.updated(list(before.stamps()), {}) == Table()


def test_a_changed_file_has_its_new_facts_and_place(directory):
    before = table(several())
    changed = summary(3, "inception_v3", created_at="2026-11-01T13:00:00+00:00")
    after = Contents(directory, table([changed], before))
    assert after.results == (*(one for one in several() if one.id != "03"), changed)
    assert after.select(criteria(model="inception_v3")) == (changed,)


def test_a_result_that_became_none_is_skipped_and_back(directory):
    damaged = table(several()).updated(["03.json"], {"03.json": ((1, 2), "is empty")})
    contents = Contents(directory, damaged)
    assert [(file.path, file.reason) for file in contents.skipped] == [("results/03.json", "is empty")]
    assert len(contents) == 11
    assert Contents(directory, table([several()[3]], damaged)).results == tuple(several())


def test_of_several_files_with_one_id_that_of_its_name_counts(directory):
    copies = [replace(several()[3], path=f"results/{name}") for name in ("00-copy.json", "zz.json")]
    contents = Contents(directory, table([*several(), *copies]))
    assert contents.results == tuple(several())
    assert [(file.path, file.reason) for file in contents.skipped] == [
        ("results/00-copy.json", "has the id of 03.json"),
        ("results/zz.json", "has the id of 03.json"),
    ]
    assert {name: str(path) for name, path in contents.paths.items()} == {
        one.id: one.path for one in several()
    }
    only = Contents(directory, table(copies))  # the original is gone
    assert [one.path for one in only.results] == ["results/00-copy.json"]


def test_times_are_ordered_whatever_zone_they_name(directory):
    zoned = [
        summary(1, created_at="2026-11-01T12:00:00+02:00"),  # 10:00 UTC
        summary(2, created_at="2026-11-01T11:00:00"),  # UTC where none is named
        summary(3, created_at="2026-11-01T11:30:00.000001Z"),
    ]
    contents = Contents(directory, table(reversed(zoned)))
    assert list(contents.results) == zoned
    late = criteria(since=datetime(2026, 11, 1, 11, 30, tzinfo=UTC))
    assert list(contents.select(late)) == zoned[2:]
