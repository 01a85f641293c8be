"""Directories into one: each result once, nothing overwritten, nothing lost, the sources as they were."""

import json
import os

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError, UsageError
from sebench.schema import MergedSource
from sebench.store import ResultStore, merging
from sebench.store.merging import merge
from tests import samples

SAMPLE = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))


def sample(number, **changes):
    return replace(SAMPLE, id=f"20260102T03{number:02}00Z-resnet50-plain-se-abcdef", **changes)


def filled(directory, *results):
    store = ResultStore(directory)
    for result in results:
        store.add(result)
    return directory


def state(*directories):
    return {path: path.read_bytes() for directory in directories for path in directory.rglob("*.*")}


def counts(merged):
    return [
        (one.new, one.present, len(one.conflicts), [file.reason for file in one.damaged])
        for one in merged.sources
    ]


def ids(directory):
    return [path.stem for path in ResultStore(directory).paths()]


@pytest.fixture
def stores(tmp_path):
    """Two machines that share a result, and where all is to go."""
    first = filled(tmp_path / "a", sample(1), sample(2))
    second = filled(tmp_path / "b", sample(2), sample(3))
    return first, second, tmp_path / "all" / "results"


def test_each_result_is_there_once(stores):
    first, second, into = stores
    before = state(first, second)
    merged = merge([first, second], into)
    assert merged.sources == (
        MergedSource(directory=str(first), new=2),
        MergedSource(directory=str(second), new=1, present=1),
    )
    assert ids(into) == [sample(number).id for number in (1, 2, 3)]
    assert state(first, second) == before
    for name in ids(into):
        source = first if (first / f"{name}.json").exists() else second
        assert (into / f"{name}.json").read_bytes() == (source / f"{name}.json").read_bytes()


def test_again_it_finds_everything_there(stores):
    first, second, into = stores
    merge([first, second], into)
    before = state(into)
    assert counts(merge([first, second], into)) == [(0, 2, 0, []), (0, 2, 0, [])]
    assert {path for path in state(into) if path.suffix == ".json"} == {
        path for path in before if path.suffix == ".json"
    }


def test_a_dry_run_says_the_same_and_writes_nothing(stores):
    first, second, into = stores
    filled(into, sample(3))
    filled(second, sample(1, seed=9))  # in conflict with what the first would have brought
    before = state(first, second, into)
    dry = merge([first, second], into, dry_run=True)
    assert state(first, second, into) == before
    assert dry.dry_run
    assert counts(dry) == counts(merge([first, second], into)) == [(2, 0, 0, []), (0, 2, 1, [])]
    (conflict,) = dry.conflicts
    assert conflict.existing == str(first / f"{sample(1).id}.json")
    nowhere = into.parent / "nowhere"
    merge([first], nowhere, dry_run=True)
    assert not nowhere.exists()


def test_what_has_the_same_id_and_another_content_is_a_conflict(stores):
    first, second, into = stores
    there = filled(into, sample(1, seed=9)) / f"{sample(1).id}.json"
    before = there.read_bytes()
    merged = merge([first, second], into)
    assert counts(merged) == [(1, 0, 1, []), (1, 1, 0, [])]
    (conflict,) = merged.conflicts
    assert (conflict.id, conflict.path, conflict.existing) == (
        sample(1).id,
        str(first / there.name),
        str(there),
    )
    assert there.read_bytes() == before
    assert len(ids(into)) == 3


def test_the_same_content_laid_out_otherwise_is_no_conflict(stores):
    first, _, into = stores
    path = filled(into, sample(1)) / f"{sample(1).id}.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    before = path.read_bytes()
    assert counts(merge([first], into)) == [(1, 1, 0, [])]
    assert path.read_bytes() == before


def test_a_result_under_another_name_is_known_by_its_id(stores):
    first, second, into = stores
    (first / f"{sample(2).id}.json").rename(first / "mine.json")
    filled(into, sample(3))
    (into / f"{sample(3).id}.json").rename(into / "ours.json")
    assert counts(merge([first, second], into)) == [(2, 0, 0, []), (0, 2, 0, [])]
    assert sorted(ids(into)) == [sample(1).id, sample(2).id, "ours"]


def test_a_damaged_file_there_is_not_replaced(stores):
    first, _, into = stores
    into.mkdir(parents=True)
    (into / f"{sample(1).id}.json").write_text("{")
    merged = merge([first], into)
    assert counts(merged) == [(1, 0, 1, [])]
    assert (into / f"{sample(1).id}.json").read_text() == "{"


def test_files_that_are_no_results_are_named_and_left(stores):
    first, _, into = stores
    (first / "0-cut.json").write_bytes((first / f"{sample(1).id}.json").read_bytes()[:100])
    (first / "1-package.json").write_text("{}")
    (first / "2-loop.json").symlink_to("2-loop.json")
    (first / "notes.txt").write_text("")
    (first / "sub").mkdir()
    os.mkfifo(first / "pipe.json")
    assert counts(merge([first], into)) == [
        (
            *(2, 0, 0),
            [
                "is damaged: Input data was truncated",
                "is not a sebench file",
                "cannot be read: Too many levels of symbolic links",
            ],
        )
    ]
    assert ids(into) == [sample(1).id, sample(2).id]


def test_one_that_is_named_twice_is_read_once(stores):
    first, _, into = stores
    (first.parent / "again").symlink_to(first)
    assert counts(merge([first, first, first.parent / "again"], into)) == [(2, 0, 0, [])]


def test_what_cannot_be_meant_is_refused_before_anything_is_written(stores, tmp_path):
    first, second, into = stores
    (tmp_path / "empty").mkdir()
    (tmp_path / "project" / ".sebench" / "results").mkdir(parents=True)
    (tmp_path / "machine" / "results").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for source, message in (
        ("nowhere", "cannot read .*nowhere: No such file or directory"),
        ("file", "cannot read .*file: it is not a directory"),
        ("loop", "cannot read .*loop: Too many levels of symbolic links"),
        ("empty", "there are no results in .*empty; leave it out"),
        ("project", "no results in .*project; did you mean .*project/.sebench/results\\?"),
        ("machine", "no results in .*machine; did you mean .*machine/results\\?"),
    ):
        with pytest.raises(DataFileError, match=message):
            merge([first, tmp_path / source], into)
    with pytest.raises(DataFileError, match=r"cannot merge into .*file: it is not a directory"):
        merge([first], tmp_path / "file")
    with pytest.raises(UsageError, match=r"b is where the results go"):
        merge([first, second], second)
    assert not into.exists()
    assert len(ids(second)) == 2


def test_a_directory_that_cannot_be_read_is_refused(stores, monkeypatch):
    first, _, into = stores

    def scandir(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataFileError, match="cannot read .*a: Permission denied"):
        merge([first], into)


def test_a_full_disk_ends_it_and_says_what_was_merged(stores, monkeypatch):
    first, second, into = stores
    whole = merging.write_atomic

    def full(path, content, **options):
        if len(ids(into)) == 1:
            raise DataFileError(f"cannot write {path}: No space left on device")
        whole(path, content, **options)

    monkeypatch.setattr(merging, "write_atomic", full)
    merged = merge([first, second], into)
    assert counts(merged) == [(1, 0, 0, []), (0, 0, 0, [])]
    assert merged.reason.endswith("No space left on device")
    monkeypatch.undo()
    assert counts(merge([first, second], into)) == [(1, 1, 0, []), (1, 1, 0, [])]


def test_a_result_that_another_process_has_brought_meanwhile_is_there(stores, monkeypatch):
    first, _, into = stores
    whole = merging.write_atomic

    def late(path, content, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        whole(path, content, **options)

    monkeypatch.setattr(merging, "write_atomic", late)
    assert counts(merge([first], into)) == [(0, 2, 0, [])]
