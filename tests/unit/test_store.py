"""Files are whole or absent, and what cannot be read is named with the reason."""

import json
import os
from pathlib import Path

import pytest

from sebench.errors import DataFileError
from sebench.schema import ModelCost, ModelSpec
from sebench.store import CountCache, ResultStore, check_writable, load_result, write_atomic
from tests import samples

SAMPLE = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))


def test_a_result_survives_the_round_trip(tmp_path):
    store = ResultStore(tmp_path / "deep" / "results")
    path = store.add(SAMPLE)
    assert path.name == f"{SAMPLE.id}.json"
    assert load_result(path) == SAMPLE
    assert store.paths() == (path,)
    assert json.loads(path.read_text())["schema"] == "sebench/1"


def test_unknown_fields_of_a_later_minor_version_are_ignored(tmp_path):
    path = ResultStore(tmp_path).add(SAMPLE)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"added_later": 1}))
    assert load_result(path) == SAMPLE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is damaged"),
        ('{"schema": "sebench/1", "kind": "res', "is damaged"),
        ("[1, 2]", "is not a sebench file"),
        ('{"schema": "other/1"}', "is not a sebench file"),
        ('{"schema": "sebench/9"}', "has schema 'sebench/9'.*upgrade sebench"),
        ('{"schema": "sebench/1", "kind": "result"}', r"is damaged: .*missing required field `id`"),
    ],
)
def test_damaged_foreign_and_newer_files_are_refused_by_name(tmp_path, text, reason):
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(DataFileError, match=f"some.json {reason}"):
        load_result(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataFileError, match=r"cannot read .*gone.json: No such file"):
        load_result(tmp_path / "gone.json")


def test_writing_replaces_the_whole_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "out.txt"
    write_atomic(path, "first version, long")
    write_atomic(path, "second")
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "out.txt"
    write_atomic(path, "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataFileError, match=r"cannot write .*out.txt: No space left on device"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_device_is_reported():
    with pytest.raises(DataFileError, match="cannot write /dev/full: No space left on device"):
        write_atomic(Path("/dev/full"), "text")


def test_paths_that_cannot_be_written_are_found_before_measuring(tmp_path):
    check_writable(tmp_path / "new" / "folders" / "out.json")
    with pytest.raises(DataFileError, match="it is a directory"):
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFileError, match="out.json: Not a directory"):
        check_writable(tmp_path / "file" / "out.json")


def test_the_count_cache_forgets_broken_entries(tmp_path):
    cache = CountCache(tmp_path)
    cost = ModelCost(spec=ModelSpec(model="resnet50"), cost=samples.cost(10, 20))
    assert cache.get("key") is None
    cache.put("key", cost)
    assert cache.get("key") == cost
    assert cache.get("other key") is None
    next(tmp_path.iterdir()).write_text("{")
    assert cache.get("key") is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    CountCache(tmp_path / "file" / "cache").put(
        "key", ModelCost(spec=ModelSpec(model="m"), cost=samples.cost(1, 1))
    )
