"""The index is a cache: damaged, locked, foreign or impossible, it never makes anything wrong."""

import os
import sqlite3

import pytest

from sebench.store.index import Derivation, Entry, Index
from sebench.store.reading import names_in, scan, stamp

NUMBERS = Derivation(key="numbers", version="1", type=list[int])
NAMES = (*(f"{number}.json" for number in range(200)), "a.json", "b.json", "b\udcff.json")
ENTRIES = {f"{number}.json": Entry((number, 10**18 + number), [number] * 3) for number in range(200)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".index.sqlite"


def test_entries_come_back_as_they_were(path):
    index = Index(path)
    assert index.read(NUMBERS, NAMES) == {}
    assert not path.exists()
    index.write(NUMBERS, ENTRIES)
    assert index.read(NUMBERS, NAMES) == ENTRIES
    index.write(NUMBERS, {"3.json": Entry((4, 5), [9])})
    index.forget(["4.json", "unknown.json"])
    assert index.read(NUMBERS, NAMES) == {
        name: Entry((4, 5), [9]) if name == "3.json" else entry
        for name, entry in ENTRIES.items()
        if name != "4.json"
    }


def test_another_version_of_the_code_finds_nothing_and_replaces(path):
    index, newer = Index(path), Derivation(key="numbers", version="2", type=list[int])
    index.write(NUMBERS, {"a.json": Entry((1, 1), [1])})
    assert index.read(newer, NAMES) == {}
    index.write(newer, {"a.json": Entry((1, 1), [2])})
    assert index.read(newer, NAMES) == {"a.json": Entry((1, 1), [2])}
    assert index.read(NUMBERS, NAMES) == {}


def test_derivations_do_not_mix(path):
    index, words = Index(path), Derivation(key="words", version="1", type=str)
    index.write(NUMBERS, {"a.json": Entry((1, 1), [1])})
    index.write(words, {"a.json": Entry((1, 1), "one")})
    assert index.read(NUMBERS, NAMES) == {"a.json": Entry((1, 1), [1])}
    assert index.read(words, NAMES) == {"a.json": Entry((1, 1), "one")}
    index.forget(["a.json"])
    assert index.read(NUMBERS, NAMES) == index.read(words, NAMES) == {}


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(4000), bytes(5000)])
def test_what_is_no_index_is_replaced(path, content):
    path.write_bytes(content)
    index = Index(path)
    assert index.read(NUMBERS, NAMES) == {}
    index.write(NUMBERS, ENTRIES)
    assert index.read(NUMBERS, NAMES) == ENTRIES


@pytest.mark.slow
def test_bytes_flipped_anywhere_lose_entries_but_change_none(path):
    index = Index(path)
    index.write(NUMBERS, ENTRIES)
    content = path.read_bytes()
    for position in range(0, len(content), 61):
        path.unlink()  # many a file system writes to disk what replaces the content of a file
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        for name, entry in index.read(NUMBERS, NAMES).items():
            if name in ENTRIES and entry.stamp == ENTRIES[name].stamp:
                assert entry == ENTRIES[name]
        index.write(NUMBERS, ENTRIES)
        path.with_name(path.name + "-journal").unlink(missing_ok=True)


def test_a_truncated_index_is_rebuilt(path):
    index = Index(path)
    index.write(NUMBERS, ENTRIES)
    path.write_bytes(path.read_bytes()[:5000])
    assert index.read(NUMBERS, NAMES).items() <= ENTRIES.items()
    index.write(NUMBERS, ENTRIES)
    assert index.read(NUMBERS, NAMES) == ENTRIES


@pytest.mark.parametrize(
    "script",
    [
        "PRAGMA user_version = 99",
        "CREATE TABLE derived (name TEXT)",
        "CREATE VIEW derived AS SELECT 1 AS name",
    ],
)
def test_a_database_of_another_layout_is_replaced(path, script):
    connection = sqlite3.connect(path)
    connection.execute(script)
    connection.commit()
    connection.close()
    index = Index(path)
    assert index.read(NUMBERS, NAMES) == {}
    index.write(NUMBERS, ENTRIES)
    assert index.read(NUMBERS, NAMES) == ENTRIES


def test_while_another_process_writes_the_index_is_read_but_not_written(path):
    index = Index(path, patience_s=0)
    index.write(NUMBERS, {"a.json": Entry((1, 1), [1])})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    index.write(NUMBERS, {"b.json": Entry((2, 2), [2])})
    assert index.read(NUMBERS, NAMES) == {"a.json": Entry((1, 1), [1])}
    other.execute("ROLLBACK")
    other.execute("BEGIN EXCLUSIVE")
    assert index.read(NUMBERS, NAMES) == {}
    other.execute("ROLLBACK")
    other.close()
    assert index.read(NUMBERS, NAMES) == {"a.json": Entry((1, 1), [1])}


def test_where_no_index_can_be_there_is_none(path):
    path.mkdir()
    index = Index(path)
    index.write(NUMBERS, ENTRIES)
    assert index.read(NUMBERS, NAMES) == {}
    assert path.is_dir()


def test_what_cannot_be_looked_at_is_not_kept(path):
    index = Index(path)
    index.write(NUMBERS, {"a.json": Entry(None, [1]), "b\udcff.json": Entry((1, 1), [1])})
    index.forget(["b\udcff.json"])
    assert index.read(NUMBERS, NAMES) == {}


def test_the_files_that_may_be_results(tmp_path):
    for name in ("b.json", "a.json", ".a.json", ".a.json.x.tmp", "a.txt"):
        (tmp_path / name).write_text("text")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "gone.json").symlink_to("nowhere")
    found = scan(tmp_path)
    assert (sorted(found.names), found.unseen) == (["a.json", "b.json"], ["gone.json"])
    assert names_in(tmp_path) == ["a.json", "b.json", "gone.json"]
    assert found.stamps()["gone.json"] is stamp(tmp_path / "gone.json") is None
    assert found.stamps()["a.json"] == stamp(tmp_path / "a.json")
    assert stamp(tmp_path / "a.json") == (4, (tmp_path / "a.json").stat().st_mtime_ns)
    assert names_in(tmp_path / "nowhere") == []


def test_the_digest_of_a_directory_changes_with_each_file(tmp_path):
    def changed(change):
        change()
        digests.append(scan(tmp_path).digest())
        return digests[-1] != digests[-2]

    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text("text")
    digests = [scan(tmp_path).digest()]
    assert not changed(lambda: (tmp_path / "notes.txt").write_text(""))
    assert changed(lambda: second.write_text("text"))
    assert changed(lambda: os.utime(second, ns=(0, 1)))
    assert changed(lambda: second.write_text("text!"))
    assert changed(lambda: second.rename(tmp_path / "c.json"))
    assert changed(lambda: (tmp_path / "d.json").symlink_to("nowhere"))
    assert changed((tmp_path / "c.json").unlink)
    assert len(set(digests)) == 7
