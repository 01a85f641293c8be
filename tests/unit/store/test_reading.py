"""What cannot be read is refused by name, with the reason."""

import json

import pytest

from sebench.errors import DataFileError
from sebench.store import ResultStore, load_result
from tests import samples

SAMPLE = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))


def test_unknown_fields_of_a_later_minor_version_are_ignored(tmp_path):
    path = ResultStore(tmp_path).add(SAMPLE)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"added_later": 1}))
    assert load_result(path) == SAMPLE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ('{"schema": "sebench/1", "kind": "res', "is damaged"),
        ("[1, 2]", "is not a sebench file"),
        ('{"schema": "other/1"}', "is not a sebench file"),
        ('{"schema": "sebench/9"}', "has schema 'sebench/9'.*upgrade sebench"),
        ('{"schema": 1}', "is not a sebench file"),
        ('{"schema": "sebench/1", "kind": "result"}', r"is damaged: .*missing required field `id`"),
        ('{"schema": "sebench/1", "kind": "gate"}', "holds a gate, not a stored result"),
        ('{"schema": "sebench/1", "x": ' + "[" * 100_000, "is damaged: it is nested too deeply"),
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


@pytest.mark.parametrize("damage", [{"created_at": "yesterday"}, {"seed": "1"}, {"measurements": [{}]}])
def test_one_wrong_field_is_enough(tmp_path, damage):
    path = ResultStore(tmp_path).add(SAMPLE)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(DataFileError, match=f"{path.name} is damaged: .*; measure again"):
        load_result(path)


def test_a_file_cut_anywhere_is_damaged(tmp_path):
    path = ResultStore(tmp_path).add(SAMPLE)
    content = path.read_bytes()
    for length in range(1, len(content) - 2, 97):
        path.write_bytes(content[:length])
        with pytest.raises(DataFileError, match="is damaged"):
            load_result(path)
