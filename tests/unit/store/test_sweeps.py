"""The book of a sweep: nothing is lost or repeated, wherever it was interrupted."""

import re

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError, UsageError
from sebench.schema.sweep import Case, CaseOutcome
from sebench.store import ResultStore
from sebench.store.sweeps import SweepBook
from tests import samples

RESULT = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))
CASES = tuple(Case(id=f"{number:012x}", model="resnet50", variant="se") for number in range(3))


@pytest.fixture
def book(tmp_path):
    return SweepBook(tmp_path / "results", "nightly")


def done(case, **fields):
    return CaseOutcome(id=case.id, status="done", **fields)


def stored(book):
    return [path.stem for path in ResultStore(book.directory).paths()]


def statuses(sweep):
    return [outcome.status for outcome in sweep.outcomes]


def again(book):
    """Another process opens it."""
    return SweepBook(book.directory, book.name)


def test_a_new_run_has_every_case_pending(book):
    assert not book.exists
    sweep = book.begin(CASES)
    assert (sweep.name, sweep.cases, statuses(sweep)) == ("nightly", CASES, ["pending"] * 3)
    assert book.exists
    assert book.left(CASES) == CASES
    assert again(book).read() == sweep


def test_a_result_is_stored_under_an_id_that_says_whose_it_is(book):
    book.begin(CASES)
    kept = book.keep(done(CASES[1], wall_s=2.0), RESULT)
    (name,) = stored(book)
    assert re.fullmatch(r"20260102T030405Z-resnet50-plain-se-[0-9a-f]{6}000000000001", name)
    assert kept == done(CASES[1], wall_s=2.0, result=name)
    assert again(book).read().outcomes[1] == kept


def test_a_second_result_of_a_case_is_dropped(book):
    book.begin(CASES)
    first = book.keep(done(CASES[0]), RESULT)
    assert book.keep(done(CASES[0], wall_s=9.0), replace(RESULT, id="20270102T030405Z-x-abcdef")) == first
    assert stored(book) == [first.result]


def test_what_a_kill_leaves_between_result_and_outcome_is_healed(book):
    book.begin(CASES)
    kept = book.keep(done(CASES[0]), RESULT)
    (book.folder / "outcomes" / f"{CASES[0].id}.json").unlink()
    later = again(book)
    assert statuses(later.read()) == ["pending"] * 3
    sweep = later.go_on(CASES)
    assert sweep.outcomes[0].result == kept.result
    assert later.left(CASES) == CASES[1:]
    assert later.keep(done(CASES[0]), RESULT).result == kept.result
    assert stored(book) == [kept.result]


def test_what_failed_is_tried_again_and_what_was_skipped_is_not(book):
    book.begin(CASES)
    book.keep(CaseOutcome(id=CASES[0].id, status="failed", reason="timed out after 5 s"))
    book.keep(CaseOutcome(id=CASES[1].id, status="skipped", reason="no CUDA device"))
    later = again(book)
    assert statuses(later.go_on(CASES)) == ["failed", "skipped", "pending"]
    assert later.left(CASES) == (CASES[0], CASES[2])
    assert later.keep(done(CASES[0]), RESULT).status == "done"


def test_changed_cases_are_measured_if_they_are_new(book):
    book.begin(CASES[:2])
    book.keep(done(CASES[0]), RESULT)
    later = again(book)
    sweep = later.go_on((CASES[2], CASES[0]))
    assert (sweep.cases, statuses(sweep)) == ((CASES[2], CASES[0]), ["pending", "done"])
    assert later.left(sweep.cases) == (CASES[2],)
    assert statuses(again(book).go_on(CASES)) == ["done", "pending", "pending"]


def test_a_new_run_leaves_stored_results_and_takes_none_for_its_own(book):
    book.begin(CASES)
    first = book.keep(done(CASES[0]), RESULT)
    assert statuses(again(book).begin(CASES)) == ["pending"] * 3
    assert stored(book) == [first.result]
    assert statuses(again(book).go_on(CASES)) == ["pending"] * 3


def test_an_outcome_without_a_book_is_of_no_run(book):
    book.begin(CASES)
    book.keep(done(CASES[0]), RESULT)
    (book.folder / "sweep.json").unlink()  # killed while it began anew
    assert not again(book).exists
    assert statuses(again(book).begin(CASES)) == ["pending"] * 3


def test_a_case_whose_result_was_removed_is_measured_again(book):
    book.begin(CASES)
    kept = book.keep(done(CASES[0]), RESULT)
    book.keep(done(CASES[1]), RESULT)
    (book.directory / f"{kept.result}.json").unlink()
    assert next(book.results(book.read())).id.endswith(CASES[1].id)
    later = again(book)
    assert statuses(later.go_on(CASES)) == ["pending", "done", "pending"]
    assert later.left(CASES) == (CASES[0], CASES[2])
    assert later.keep(done(CASES[0]), RESULT).result == kept.result


def test_what_a_killed_writer_left_is_removed(book):
    book.begin(CASES)
    book.keep(done(CASES[0]), RESULT)
    left = [book.folder / ".sweep.json.abc.tmp", book.folder / "outcomes" / ".000000000000.json.abc.tmp"]
    for path in left:
        path.write_text("{")
    assert statuses(again(book).go_on(CASES)) == ["done", "pending", "pending"]
    assert [path for path in left if path.exists()] == []


def test_one_process_at_a_time_writes(book):
    with book.held():
        with pytest.raises(DataFileError, match="sweep 'nightly' is running already in another process"):
            again(book).held().__enter__()
        with SweepBook(book.directory, "weekly").held():
            pass
    with again(book).held():
        pass


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 101])
def test_a_name_is_that_of_a_folder(tmp_path, name):
    with pytest.raises(UsageError, match="is not a name of a sweep; use letters"):
        SweepBook(tmp_path, name)


def test_a_damaged_book_is_named(book):
    book.begin(CASES)
    (book.folder / "outcomes").mkdir()
    broken = book.folder / "outcomes" / f"{CASES[0].id}.json"
    broken.write_text("{")
    with pytest.raises(DataFileError, match=re.escape(f"{broken} is damaged:")):
        again(book).read()
    (book.folder / "sweep.json").write_text('{"schema": "sebench/2", "name": "x", "token": "", "cases": []}')
    with pytest.raises(DataFileError, match="is a sebench/2 sweep, not a sweep of this version"):
        again(book).read()
    with pytest.raises(DataFileError, match="there is no sweep 'weekly' in"):
        SweepBook(book.directory, "weekly").read()


def test_results_of_sweeps_are_listed_as_all_others(book):
    book.begin(CASES)
    kept = book.keep(done(CASES[0]), RESULT)
    assert [summary.id for summary in ResultStore(book.directory).contents().results] == [kept.result]
