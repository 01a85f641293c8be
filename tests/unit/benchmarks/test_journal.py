"""Runs of a long benchmark: what is kept when it is stopped, and when it may be continued."""

import json

import pytest

from tests.scripts import benchmark

SETUP = {"started_at": "2026-11-30T10:00:00Z", "load1": 0.5, "seed": 1}
LATER = {"started_at": "2026-12-01T10:00:00Z", "load1": 2.0, "seed": 1}


@pytest.fixture(scope="module")
def journal():
    with benchmark("journal") as module:
        yield module


def test_a_session_continues_where_one_was_stopped(journal, tmp_path):
    path = tmp_path / "runs.jsonl"
    first = journal.Journal(path, SETUP, resume=False)
    first.add({"round": 0, "ratio": 1.5})
    with path.open("a") as file:
        file.write('{"round": 1, "rat')  # killed while it wrote
    assert journal.read(path) == ([SETUP], [{"round": 0, "ratio": 1.5}])

    second = journal.Journal(path, LATER, resume=True)
    assert second.has(round=0)
    assert not second.has(round=1)
    second.add({"round": 1, "ratio": 1.6})
    assert journal.read(path) == ([SETUP, LATER], [{"round": 0, "ratio": 1.5}, {"round": 1, "ratio": 1.6}])


def test_a_file_is_not_written_over(journal, tmp_path):
    path = tmp_path / "runs.jsonl"
    journal.Journal(path, SETUP, resume=False)
    with pytest.raises(SystemExit, match="is there already: continue it with --resume"):
        journal.Journal(path, SETUP, resume=False)


def test_runs_of_another_setup_are_not_mixed_in(journal, tmp_path):
    path = tmp_path / "runs.jsonl"
    journal.Journal(path, SETUP, resume=False)
    before = path.read_text()
    with pytest.raises(SystemExit, match="is of seed 1, this is seed 2"):
        journal.Journal(path, {**LATER, "seed": 2}, resume=True)
    assert path.read_text() == before


@pytest.mark.parametrize("text", [None, "", "not JSON\n", json.dumps({"round": 0}) + "\n"])
def test_a_file_without_runs_is_named(journal, tmp_path, text):
    path = tmp_path / "runs.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit, match=r"runs\.jsonl holds no runs"):
        journal.read(path)
