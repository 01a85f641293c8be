"""What cannot be read is refused by name, with the reason."""

import json

import pytest

from sebench.analysis.comparison import compare
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


def changed(path, place, value):
    """Replace one value of the sample."""
    path.write_text(with_value(path.read_text(), place, value))


def with_value(text, place, value):
    """The sample with one value replaced; `place` is e.g. ``measurements/0/workload/threads``."""
    document = json.loads(text)
    *parents, last = (int(step) if step.isdecimal() else step for step in place.split("/"))
    owner = document
    for step in parents:
        owner = owner[step]
    owner[last] = value
    return json.dumps(document)


RUN = "measurements/0/processes/0"
SEGMENT = f"{RUN}/blocks/0/segments/0"


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("created_at", "9999-12-31T23:59:59-23:59", "'9999-12-31T23:59:59-23:59' is not a time"),
        ("created_at", "0001-01-01T00:00:00+23:59", "'0001-01-01T00:00:00\\+23:59' is not a time"),
        ("created_at", "1999-12-31T23:59:59+00:00", "is not between the years 2000 and 2199"),
        ("created_at", "2200-01-01", "is not between the years 2000 and 2199"),
        ("id", "../../home/me", "`str` matching regex .* at `\\$.id`"),
        ("id", "a\\b", "at `\\$.id`"),
        ("id", "a\nb", "at `\\$.id`"),
        ("id", "", "at `\\$.id`"),
        ("seed", 2**64, "at `\\$.seed`"),
        (f"{SEGMENT}/steps_s", [0.05, 5e-324], "`float` >= 1e-09 - at `.*steps_s\\[1\\]`"),
        (f"{SEGMENT}/steps_s", [0.05, 0.0], "`float` >= 1e-09"),
        (f"{SEGMENT}/steps_s", [0.05, -1.0], "`float` >= 1e-09"),
        (f"{SEGMENT}/steps_s", [0.05, 1e308], "`float` <= 10000000.0"),
        (f"{SEGMENT}/steps_s", [], "length >= 1 - at `.*steps_s`"),
        (f"{SEGMENT}/steps_s", [None], "Expected `float`, got `null`"),
        (f"{SEGMENT}/forward_s", [0.01], "not one value per step - at `.*segments\\[0\\].forward_s`"),
        (f"{SEGMENT}/side", "candidate", "the sides are not in ABBA order - at `.*blocks\\[0\\]`"),
        (f"{RUN}/blocks/0/segments", [], "the sides are not in ABBA order"),
        (f"{RUN}/blocks/0/canary_s", 0.0, "canary_s`"),
        (f"{RUN}/compile_s", {"baseline": 1.0}, "one side is missing - at `.*processes\\[0\\].compile_s`"),
        ("measurements/0/policy/confidence", 1.0, "confidence`"),
        ("measurements/0/workload/input_shape", [], "input_shape`"),
        ("measurements/0/workload/threads", 0, "threads`"),
        ("measurements/0/sigma_process", -0.1, "sigma_process`"),
        ("baseline_cost/params", -1, "baseline_cost.params`"),
        ("baseline_cost/ops/0/macs", 10**30, "macs`"),
        ("environment/git", {"commit": ["a"]}, "it is not text - at `\\$.environment.git.commit`"),
        ("environment/memory", {"total_bytes": 10**400}, "more than 64 bits - at `\\$.environment.memory`"),
        (
            "environment/cpu/model",
            json.loads("[" * 40 + "]" * 40),
            "nested too deeply - at `\\$.environment.cpu`",
        ),
    ],
)
def test_what_nothing_could_have_measured_is_refused_with_its_place(tmp_path, place, value, reason):
    path = ResultStore(tmp_path).add(SAMPLE)
    changed(path, place, value)
    with pytest.raises(DataFileError, match=f"{path.name} is damaged: .*{reason}.*; measure again"):
        load_result(path)


def test_of_two_runtimes_one_side_alone_may_compile(tmp_path):
    path = ResultStore(tmp_path).add(SAMPLE)
    changed(path, f"{RUN}/compile_s", {"baseline": 1.0})
    changed(path, "pair/baseline/runtime", "openvino")
    assert load_result(path).measurements[0].processes[0].compile_s == {"baseline": 1.0}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999", "9" * 5000])
def test_what_is_no_number_of_json_is_refused(tmp_path, number):
    path = ResultStore(tmp_path).add(SAMPLE)
    path.write_text(path.read_text().replace('"canary_s": 0.004', f'"canary_s": {number}'))
    with pytest.raises(DataFileError, match="is damaged"):
        load_result(path)


ODD = (None, 0, -1, 1e-9, 1e308, 2**63 - 1, "", "\x1b[31m", "9999-12-31T23:59:59-23:59", True, [], {}, [[]])


def places(value, before=""):
    """Every place in a document; of a list the first item stands for all."""
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1]
    for step, item in items:
        yield f"{before}{step}"
        if isinstance(item, dict | list):
            yield from places(item, f"{before}{step}/")


def test_whatever_is_read_can_be_compared(tmp_path):
    path = ResultStore(tmp_path).add(SAMPLE)
    whole = path.read_text()
    for place in places(json.loads(whole)):
        for value in ODD:
            path.unlink()  # many a file system writes to disk what replaces the content of a file
            path.write_text(with_value(whole, place, value))
            try:
                result = load_result(path)
            except DataFileError:
                continue
            compare(result)
