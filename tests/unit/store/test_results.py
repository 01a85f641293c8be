"""A directory of results: what is in it, what is not, and how little is read twice."""

import json
import os
import shutil

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.schema import Finding, ModelSpec, Pair, fingerprint
from sebench.store import Derivation, ResultStore, load_result, results
from tests import samples

SAMPLE = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))
COUNT = Derivation(key="count", version="1", type=int)


def sample(number, **changes):
    """One of several results, ten minutes apart; the newest has the highest number."""
    return replace(
        SAMPLE,
        id=f"20260102T03{number:02}00Z-resnet50-plain-se-abcdef",
        created_at=f"2026-01-02T03:{number:02}:00+00:00",
        **changes,
    )


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "results")


@pytest.fixture
def parsed(monkeypatch):
    """How many files were read since it was last cleared."""
    calls = []
    whole = results.parse_result

    def parse(content):
        calls.append(content)
        return whole(content)

    monkeypatch.setattr(results, "parse_result", parse)
    return calls


def listed(store):
    contents = store.contents()
    return contents.results, contents.skipped


def ids(summaries):
    return [summary.id for summary in summaries]


def test_a_result_survives_the_round_trip(tmp_path):
    store = ResultStore(tmp_path / "deep" / "results")
    path = store.add(SAMPLE)
    assert path.name == f"{SAMPLE.id}.json"
    assert load_result(path) == SAMPLE
    assert store.paths() == (path,)
    assert json.loads(path.read_text())["schema"] == "sebench/1"


def test_a_directory_that_is_not_there_holds_nothing(store):
    assert store.contents().results == store.contents().skipped == store.paths() == ()
    assert not store.directory.exists()


def test_the_summary_holds_what_a_listing_needs(store):
    git = {"commit": "0123abc", "dirty": True, "branch": "main"}
    environment = replace(samples.ENVIRONMENT, git=git, device={"name": "Sample GPU"})
    interrupted = Finding(code="interrupted", severity="warning", message="interrupted")
    path = store.add(sample(1, environment=environment, findings=(interrupted,)))
    (summary,) = store.contents().results
    assert summary.path == str(path)
    assert (summary.model, summary.baseline, summary.candidate) == ("resnet50", "plain", "se")
    assert summary.workloads == (samples.WORKLOAD,)
    assert (summary.commit, summary.dirty, summary.branch) == ("0123abc", True, "main")
    assert (summary.machine, summary.interrupted, summary.sebench) == ("Sample GPU", True, "0.1.0")
    assert summary.fingerprint == fingerprint(environment)


def test_facts_of_an_unexpected_kind_are_unknown(store):
    store.add(replace(SAMPLE, environment=replace(samples.ENVIRONMENT, cpu={"model": 7}, git={})))
    (summary,) = store.contents().results
    assert (summary.machine, summary.commit, summary.dirty) == (None, None, None)


def test_a_commit_that_is_no_text_is_damage(store):
    store.add(replace(SAMPLE, environment=replace(samples.ENVIRONMENT, git={"commit": 1})))
    (skipped,) = store.contents().skipped
    assert skipped.reason == "is damaged: it is not text - at `$.environment.git.commit`"


def test_the_newest_comes_last_whatever_the_files_are_called(store):
    for number in (3, 1, 2):
        store.add(sample(number)).rename(store.directory / f"{9 - number}.json")
    assert ids(store.contents().results) == [sample(number).id for number in (1, 2, 3)]


def test_only_what_changed_is_read_again(store, parsed):
    paths = [store.add(sample(number)) for number in range(5)]
    (store.directory / "damaged.json").write_text("{")
    first = listed(store)
    assert len(parsed) == 6
    parsed.clear()
    assert listed(store) == first
    assert parsed == []
    changed = json.loads(paths[1].read_text())
    changed["pair"]["candidate"]["variant"] = "se(r=8)"
    paths[1].write_text(json.dumps(changed))
    paths[2].unlink()
    store.add(sample(9))
    second = store.contents()
    assert [summary.candidate for summary in second.results] == ["se", "se(r=8)", "se", "se", "se"]
    assert ids(second.results) == [sample(number).id for number in (0, 1, 3, 4, 9)]
    assert len(parsed) == 2


def test_a_file_written_in_place_with_the_same_size_is_read_again(store):
    path = store.add(sample(1))
    store.contents()
    path.write_text(path.read_text().replace("resnet50", "resnet99"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert store.contents().results[0].model == "resnet99"


def test_an_index_that_is_deleted_or_damaged_is_made_again(store, parsed):
    store.add(sample(1))
    first = listed(store)
    index = store.directory / ".index.sqlite"
    for damage in (index.unlink, lambda: index.write_bytes(b"damaged" * 999)):
        damage()
        parsed.clear()
        assert listed(store) == first
        assert len(parsed) == 1
        parsed.clear()
        assert listed(store) == first
        assert parsed == []


def test_where_no_index_can_be_written_everything_works_without(store, parsed):
    store.add(sample(1))
    (store.directory / ".index.sqlite").mkdir()
    for _ in range(2):
        assert ids(store.contents().results) == [sample(1).id]
        assert store.derive(store.select(), COUNT, lambda result: 7) == (7,)
    assert len(parsed) == 4


def test_an_index_moves_with_its_directory(store, tmp_path, parsed):
    store.add(sample(1))
    store.contents()
    moved = ResultStore(store.directory.rename(tmp_path / "moved"))
    parsed.clear()
    (summary,) = moved.contents().results
    assert summary.path == str(moved.directory / f"{summary.id}.json")
    assert parsed == []


def test_what_is_no_result_is_named_with_the_reason(store):
    good = store.add(sample(1))
    (store.directory / "damaged.json").write_bytes(good.read_bytes()[:-40])
    (store.directory / "foreign.json").write_text('{"name": "package"}')
    (store.directory / "newer.json").write_text('{"schema": "sebench/9"}')
    (store.directory / "other.json").write_text('{"schema": "sebench/1", "kind": "comparison"}')
    (store.directory / "gone.json").symlink_to("nowhere")
    (store.directory / f".{good.name}.abc.tmp").write_bytes(good.read_bytes()[:100])  # of a killed writer
    for _ in range(2):  # read, and remembered
        contents = store.contents()
        assert ids(contents.results) == [sample(1).id]
        assert [(file.path.rpartition("/")[2], file.reason) for file in contents.skipped] == [
            ("damaged.json", "is damaged: Input data was truncated"),
            ("foreign.json", "is not a sebench file"),
            ("gone.json", "cannot be read: No such file or directory"),
            ("newer.json", "has schema 'sebench/9', this version reads 'sebench/1'"),
            ("other.json", "holds a comparison, not a stored result"),
        ]


def test_an_id_is_never_written_twice(store):
    path = store.add(sample(1))
    with pytest.raises(DataFileError, match=f"{path.name} exists already"):
        store.add(sample(1, seed=99))
    assert load_result(path) == sample(1)


def test_a_copy_under_another_name_is_no_second_measurement(store):
    path = store.add(sample(1))
    shutil.copy(path, store.directory / "0-copy.json")
    contents = store.contents()
    assert [summary.path for summary in contents.results] == [str(path)]
    (skipped,) = contents.skipped
    assert skipped.path.endswith("0-copy.json")
    assert skipped.reason == f"has the id of {path.name}"


def test_a_write_that_fails_leaves_no_trace(store, monkeypatch):
    store.add(sample(1))
    before = sorted(store.directory.iterdir())

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataFileError, match="No space left on device"):
        store.add(sample(2))
    assert sorted(store.directory.iterdir()) == before


def test_a_file_is_no_directory_of_results(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFileError, match="cannot read .*file: Not a directory"):
        ResultStore(tmp_path / "file").contents()


def test_select_takes_any_combination(store):
    other = Pair(
        baseline=ModelSpec(model="vgg16_bn"), candidate=ModelSpec(model="vgg16_bn", variant="se(r=8)")
    )
    store.add(sample(1))
    store.add(sample(2, pair=other))
    assert ids(store.select()) == [sample(1).id, sample(2).id]
    assert ids(store.select(model="vgg16_bn", variant=["se", "se(r=8)"])) == [sample(2).id]
    assert store.select(model="vgg16_bn", variant="se") == ()


def test_load_by_summary_and_by_id(store):
    store.add(sample(1)).rename(store.directory / "renamed.json")
    (summary,) = store.select()
    assert store.load(summary) == store.load(sample(1).id) == sample(1)
    with pytest.raises(DataFileError, match="no result 'unknown' in"):
        store.load("unknown")


def test_values_are_derived_once_per_file_and_version(store):
    computed = []

    def count(result):
        computed.append(result.id)
        return len(computed)

    for number in (1, 2):
        store.add(sample(number))
    newest, left = store.select()[1:], []
    assert store.derive(newest, COUNT, count, progress=left.append) == (1,)
    assert store.derive(store.select(), COUNT, count, progress=left.append) == (2, 1)
    assert store.derive((), COUNT, count, progress=left.append) == ()
    assert left == [1, 1]
    assert computed == [sample(2).id, sample(1).id]
    again = Derivation(key="count", version="2", type=int)
    assert store.derive(store.select(), again, count) == (3, 4)
    path = store.directory / f"{sample(2).id}.json"
    path.write_text(path.read_text() + "\n")
    assert store.derive(store.select(), again, count) == (3, 5)
