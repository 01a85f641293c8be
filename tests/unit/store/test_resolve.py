"""What is named on the command line: files, directories, ids and how they begin."""

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.store import ResultStore, resolve_results
from tests import samples

SAMPLE = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))
IDS = ("20260101T000000Z-resnet50-plain-se-aaaaaa", "20260102T000000Z-resnet50-plain-se-bbbbbb")


@pytest.fixture
def store(tmp_path):
    store = ResultStore(tmp_path / "results")
    for number, identifier in enumerate(IDS, start=1):
        store.add(replace(SAMPLE, id=identifier, created_at=f"2026-01-0{number}T00:00:00+00:00"))
    return store


def names(paths):
    return [path.stem for path in paths]


def test_files_directories_ids_and_beginnings(store):
    file = store.directory / f"{IDS[1]}.json"
    assert resolve_results([str(file)], store) == (file,)
    assert names(resolve_results([str(store.directory)], store)) == list(IDS)
    assert names(resolve_results([IDS[1], IDS[0]], store)) == [IDS[1], IDS[0]]
    assert names(resolve_results(["20260102"], store)) == [IDS[1]]
    assert resolve_results([], store) == ()


def test_what_is_named_twice_comes_once_where_it_came_first(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = [IDS[1], f"results/{IDS[1]}.json", "results", "20260102"]
    assert names(resolve_results(named, store)) == [IDS[1], IDS[0]]


def test_a_file_elsewhere_is_taken_even_if_it_is_damaged(store, tmp_path):
    (tmp_path / "some.txt").write_text("{")
    assert names(resolve_results([str(tmp_path / "some.txt")], store)) == ["some"]


def test_in_a_directory_what_is_no_result_is_told_and_skipped(store):
    (store.directory / "damaged.json").write_text("{")
    told = []
    assert names(resolve_results([str(store.directory)], store, on_skip=told.append)) == list(IDS)
    assert [file.reason for file in told] == ["is damaged: Input data was truncated"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2026010", f"'2026010' matches 2 IDs: {IDS[0]}, {IDS[1]}; give more characters"),
        ("aaaaaa", f"no result 'aaaaaa' in .*; did you mean '{IDS[0]}'?"),
        ("20260103T000000Z-resnet50-plain-se", "no result '20260103.*; did you mean '2026010"),
        ("banana", "no result 'banana' in .*; see 'sebench list results'"),
        ("", "no result ''"),
        ("old/run.json", "cannot read old/run.json: No such file or directory; see"),
        ("20260102T000000Z-resnet50.json", "cannot read 2026.*: No such file"),
    ],
)
def test_a_name_that_is_nobodys(store, name, message):
    with pytest.raises(DataFileError, match=message):
        resolve_results([name], store)


def test_an_empty_directory_is_an_error(store, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataFileError, match="there are no results in .*empty"):
        resolve_results([str(tmp_path / "empty")], store)
