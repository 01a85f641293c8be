"""The lock file: one text per lock, and refusals that name file and cause."""

import json

import pytest

from sebench.analysis.lock import make_lock
from sebench.errors import DataFileError
from sebench.lockfile import load_lock, lock_text
from sebench.schema import Lock
from tests.locks import COSTS, ENTRY, entry

LOCK = make_lock([entry(variant="plain", num_classes=10), ENTRY, entry({"2.9": COSTS}, model="alexnet")])


def test_a_lock_survives_the_round_trip(tmp_path):
    path = tmp_path / "sebench.lock.json"
    path.write_text(lock_text(LOCK))
    assert load_lock(path) == LOCK


def test_the_text_is_one_for_equal_locks_with_sorted_keys_and_no_date():
    text = lock_text(LOCK)
    assert text == lock_text(make_lock(reversed(LOCK.entries)))
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert set(json.loads(text)) == {"schema", "kind", "revision", "entries"}
    assert '\n      "params": 100,\n' in text  # one value per line


def test_fields_added_later_are_ignored(tmp_path):
    path = tmp_path / "lock.json"
    path.write_text(json.dumps({**json.loads(lock_text(LOCK)), "later": 1}))
    assert load_lock(path) == LOCK


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is damaged: .*; restore it, or delete it and run `sebench lock`"),
        (lock_text(LOCK)[:-40], "is damaged"),
        ("<<<<<<< HEAD\n" + lock_text(LOCK), "is damaged"),
        ("[1]", "is not a sebench file; name a file that `sebench lock` wrote"),
        ('{"schema": "other/1"}', "is not a sebench file"),
        ('{"schema": "sebench/9", "kind": "lock"}', "has schema 'sebench/9', .* upgrade sebench"),
        ('{"schema": "sebench/1", "kind": "result"}', "is a sebench result, not a lock"),
        (lock_text(LOCK).replace('"params": 100', '"params": "100"'), r"is damaged: .*entries\[0\].params"),
        (lock_text(Lock(entries=(ENTRY, ENTRY))), "is damaged: resnet50 se is in it twice"),
    ],
)
def test_damaged_foreign_and_newer_files_are_refused_by_name(tmp_path, text, reason):
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(DataFileError, match=f"some.json {reason}"):
        load_lock(path)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "some.json"
    path.write_bytes(b'{"schema": "\xff"}')
    with pytest.raises(DataFileError, match=r"some.json is damaged"):
        load_lock(path)


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(DataFileError, match=r"there is no lock file .*gone.json; run `sebench lock`"):
        load_lock(tmp_path / "gone.json")
    with pytest.raises(DataFileError, match="cannot read .*: Is a directory"):
        load_lock(tmp_path)
