"""Shards of a sweep into one: every case once, with the best that became of it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.schema import MergedSweep, RepeatedCase
from sebench.schema.sweep import Case, CaseOutcome
from sebench.store import ResultStore, merging_sweeps
from sebench.store.merging import merge
from sebench.store.sweeps import SweepBook
from tests import samples

RESULT = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))
CASES = tuple(Case(id=f"{number:012x}", model="resnet50", variant="se") for number in range(6))


def outcome(case, status="done", **fields):
    return CaseOutcome(id=case.id, status=status, **fields)


def result(day):
    return replace(RESULT, id=f"2026010{day}T030405Z-resnet50-plain-se-abcdef")


@pytest.fixture
def shards(tmp_path):
    """Two of three shards. One was killed when it had stored a result; one has everything but a success."""
    first = SweepBook(tmp_path / "a", "nightly.1-of-3")
    first.begin(CASES[:3])
    first.keep(outcome(CASES[0], machine="host-a"), result(1))
    first.keep(outcome(CASES[1]), result(2))
    (first.folder / "outcomes" / f"{CASES[1].id}.json").unlink()
    second = SweepBook(tmp_path / "b", "nightly.2-of-3")
    second.begin(CASES[3:5])
    second.keep(outcome(CASES[3], "failed", reason="out of memory"))
    second.keep(outcome(CASES[4], "skipped", reason="no training"))
    return first, second, tmp_path / "all"


def merged(*books, into, **options):
    return merge([book.directory for book in books], into, **options)


def statuses(into, name="nightly"):
    return {each.id: each.status for each in SweepBook(into, name).read().outcomes}


def test_cases_are_united_and_outcomes_kept(shards):
    first, second, into = shards
    found = merged(first, second, into=into)
    assert found.sweeps == (MergedSweep(name="nightly", books=2, done=2, failed=1, skipped=1, pending=1),)
    sweep = SweepBook(into, "nightly").read()
    assert sweep.cases == CASES[:5]
    assert [(each.status, each.machine, each.reason) for each in sweep.outcomes] == [
        ("done", "host-a", ""),
        ("done", "", ""),  # healed: its result says whose it is
        ("pending", "", ""),
        ("failed", "", "out of memory"),
        ("skipped", "", "no training"),
    ]
    stored = {path.stem for path in ResultStore(into).paths()}
    assert {each.result for each in sweep.outcomes if each.result} == stored
    assert [entry.name for entry in (into / "sweeps").iterdir()] == ["nightly"]


def test_again_and_with_one_more_shard(shards, tmp_path):
    first, second, into = shards
    once = merged(first, second, into=into)
    assert merged(first, second, into=into).sweeps == once.sweeps
    third = SweepBook(tmp_path / "c", "nightly.3-of-3")
    third.begin(CASES[5:])
    third.keep(outcome(CASES[5]), result(3))
    (sweep,) = merged(third, into=into).sweeps
    assert (sweep.books, sweep.cases, sweep.done, sweep.pending) == (1, 6, 3, 1)
    assert SweepBook(into, "nightly").read().cases == CASES


def test_what_is_left_can_be_resumed_where_it_was_merged(shards):
    first, second, into = shards
    merged(first, second, into=into)
    book = SweepBook(into, "nightly")
    with book.held():
        book.go_on(CASES)
        assert [case.id for case in book.left(CASES)] == [CASES[n].id for n in (2, 3, 5)]  # 3 has failed
        book.keep(outcome(CASES[2]), result(4))
    assert statuses(into)[CASES[2].id] == "done"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("failed", "skipped", "failed"),
        ("skipped", "failed", "failed"),
        ("skipped", "done", "done"),
        ("done", "failed", "done"),
        (None, "skipped", "skipped"),
        ("failed", None, "failed"),
    ],
)
def test_of_two_outcomes_the_better_is_taken(tmp_path, one, other, expected):
    books = [SweepBook(tmp_path / name, "nightly") for name in ("a", "b")]
    for book, status in zip(books, (one, other), strict=True):
        book.begin(CASES[:1])
        if status:
            book.keep(outcome(CASES[0], status), result(1) if status == "done" else None)
    merged(*books, into=tmp_path / "all")
    assert statuses(tmp_path / "all") == {CASES[0].id: expected}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_results_of_a_case_the_earlier_is_taken_and_the_other_named(tmp_path, order):
    books = [SweepBook(tmp_path / name, "nightly") for name in ("a", "b")]
    for day, book in enumerate(books, start=1):
        book.begin(CASES[:1])
        book.keep(outcome(CASES[0]), result(day))
    into = tmp_path / "all"
    names = [book.read().outcomes[0].result for book in books]
    for _ in range(2):
        found = merged(*(books[place] for place in order), into=into)
        (sweep,) = found.sweeps
        assert set(sweep.repeated) == {RepeatedCase(case=CASES[0].id, kept=names[0], dropped=names[1])}
        assert SweepBook(into, "nightly").read().outcomes[0].result == names[0]
    assert len(ResultStore(into).paths()) == 2  # as results both are kept


def test_a_dry_run_says_the_same_and_writes_nothing(shards):
    first, second, into = shards
    dry = merged(first, second, into=into, dry_run=True)
    assert not into.exists()
    assert dry.sweeps == merged(first, second, into=into).sweeps


def test_a_book_that_cannot_be_read_is_named_and_the_rest_merged(shards):
    first, second, into = shards
    (second.folder / "sweep.json").write_text("{")
    found = merged(first, second, into=into)
    assert [(sweep.books, sweep.cases) for sweep in found.sweeps] == [(1, 3)]
    ((damaged,),) = [source.damaged for source in found.sources if source.damaged]
    assert damaged.path == str(second.folder)
    assert damaged.reason.startswith("is no book: ")
    assert "sweep.json is damaged" in damaged.reason


def test_without_its_result_a_case_has_to_be_measured_again(shards):
    first, second, into = shards
    name = first.read().outcomes[0].result
    (first.directory / f"{name}.json").write_text("{")
    (sweep,) = merged(first, second, into=into).sweeps
    assert (sweep.done, sweep.pending, sweep.missing) == (1, 2, (name,))
    assert statuses(into)[CASES[0].id] == "pending"


def test_sources_are_left_as_they_were(shards):
    first, second, into = shards
    folders = (first.directory, second.directory)
    before = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    merged(first, second, into=into)
    after = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_sweep_that_is_running_there_is_left_alone(shards):
    first, second, into = shards
    running = SweepBook(into, "nightly")
    with running.held():
        running.begin(CASES[:1])
        found = merged(first, second, into=into)
    assert found.reason.startswith("sweep 'nightly' is running already in another process")
    assert [source.new for source in found.sources] == [2, 0]
    assert statuses(into) == {CASES[0].id: "pending"}


def test_one_that_is_stopped_on_the_way_is_finished_by_the_next(shards, monkeypatch):
    first, second, into = shards
    expected = merged(first, second, into=into.parent / "whole").sweeps
    for writes in range(6):
        left = [writes]

        def record(self, one, left=left, whole=SweepBook._record):
            if not left[0]:
                raise DataFileError("cannot write")
            left[0] -= 1
            whole(self, one)

        with monkeypatch.context() as patch:
            patch.setattr(SweepBook, "_record", record)
            stopped = merged(first, second, into=into / str(writes))
        assert (stopped.reason == "cannot write") is (writes < 4)
        assert merged(first, second, into=into / str(writes)).sweeps == expected
        assert statuses(into / str(writes)) == statuses(into.parent / "whole")


def test_the_folder_of_the_books_may_be_unreadable(shards, monkeypatch):
    first, _, into = shards
    scandir = merging_sweeps.os.scandir

    def refused(path):
        if Path(path).name == "sweeps":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(merging_sweeps.os, "scandir", refused)
    assert merged(first, into=into).reason == f"cannot read {first.directory / 'sweeps'}: Permission denied"
