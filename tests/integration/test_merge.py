"""``sebench merge`` as a user runs it."""

import csv
import io
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from sebench.store import ResultStore
from tests import samples
from tests.interpreter import FRESH
from tests.running import heeding_ctrl_c

SAMPLE = samples.result(samples.measurement([samples.process([samples.block(0.05, 0.051)])]))
SLOWLY = """
import sys
from sebench.cli import main
from sebench.store import merging

whole = merging.write_atomic

def slow(path, content, **options):
    whole(path, content, **options)
    print(path.name, flush=True)
    sys.stdin.readline()

merging.write_atomic = slow
sys.argv = ["sebench", "merge", "a", "b"]
main()
"""


def sample(number, **changes):
    return replace(SAMPLE, id=f"20260102T03{number:02}00Z-resnet50-plain-se-abcdef", **changes)


@pytest.fixture
def shards(tmp_path, monkeypatch):
    """Two shards that have one result in common."""
    monkeypatch.chdir(tmp_path)
    for name, numbers in (("a", (1, 2, 3)), ("b", (3, 4))):
        for number in numbers:
            ResultStore(Path(name)).add(sample(number))


def stored(directory=".sebench/results"):
    return [path.stem for path in ResultStore(Path(directory)).paths()]


def test_the_table_has_a_row_per_source(shards, invoke):
    done = invoke("merge a b")
    assert done.stderr == ""
    assert [line.split() for line in done.stdout.splitlines() if line[:2] in ("a ", "b ")] == [
        ["a", "3", "0", "0", "0"],
        ["b", "1", "1", "0", "0"],
    ]
    assert stored() == [sample(number).id for number in (1, 2, 3, 4)]


def test_json_and_csv(shards, invoke):
    document = json.loads(invoke("merge a b --into all --format json").stdout)
    assert (document["schema"], document["kind"], document["into"], document["dry_run"]) == (
        *("sebench/1", "merge", "all", False),
    )
    assert [(one["directory"], one["new"], one["present"]) for one in document["sources"]] == [
        ("a", 3, 0),
        ("b", 1, 1),
    ]
    rows = list(csv.DictReader(io.StringIO(invoke("merge a b --into all --format csv").stdout)))
    assert rows == [
        {"source": name, "new": "0", "present": present, "conflicts": "0", "damaged": "0"}
        for name, present in (("a", "3"), ("b", "2"))
    ]


def test_a_dry_run_writes_nothing(shards, invoke):
    done = invoke("merge a b --dry-run")
    assert "--dry-run: nothing was written" in done.stdout
    assert sorted(path.name for path in Path().iterdir()) == ["a", "b"]


def test_conflicts_are_named_and_everything_else_is_merged(shards, invoke):
    ResultStore(Path("b")).add(sample(1, seed=9))
    Path("b", "odd.json").write_text("{}")
    done = invoke("merge a b", check=False)
    name = f"{sample(1).id}.json"
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "warning: b/odd.json is not a sebench file; skipped",
        f"conflict: b/{name} was not merged: .sebench/results/{name} has its ID and other content",
        "sebench: error: a result was not merged: the IDs are taken; "
        "delete whichever file is wrong and run it again",
    ]
    assert len(stored()) == 4
    assert invoke("merge a b --quiet", check=False).stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("merge", 2, "missing argument 'DIR'"),
        ("merge a nowhere", 1, "cannot read nowhere: No such file or directory; name directories"),
        ("merge a empty", 1, "there are no results in empty; leave it out"),
        ("merge a b --into b", 2, "b is where the results go; name other directories, or another --into"),
        ("merge a --into file", 1, "cannot merge into file: it is not a directory; choose another --into"),
        ("merge a -o .", 1, "cannot write .: it is a directory; name a file"),
    ],
)
def test_what_cannot_be_meant_is_one_line(shards, invoke, arguments, code, message):
    Path("empty").mkdir()
    Path("file").write_text("")
    done = invoke(arguments, check=False)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path(".sebench").exists()


def test_on_a_full_disk_what_was_merged_is_shown_before_the_error(shards, invoke, monkeypatch):
    fsync = os.fsync
    flushed = []

    def full(handle):
        flushed.append(handle)
        if len(flushed) > 5:  # the room that is tried, then twice a file and its directory
            raise OSError(28, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        done = invoke("merge a b --format json", check=False)
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert [one["new"] for one in document["sources"]] == [2, 0]
    (error,) = done.stderr.splitlines()
    assert error.startswith("sebench: error: not everything was merged: cannot write .sebench/results/")
    assert error.endswith("free some space; then run it again for the rest")
    assert sorted(path.name for path in Path(".sebench/results").iterdir() if path.suffix != ".sqlite") == [
        f"{sample(number).id}.json" for number in (1, 2)
    ]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_one_that_is_stopped_leaves_whole_files_and_is_finished_by_the_next(shards, invoke, number):
    process = subprocess.Popen(
        [FRESH, "-c", SLOWLY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - no threads here
    )
    process.stdout.readline()
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()
    os.killpg(process.pid, number)
    _, errors = process.communicate()
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert errors == (
            "sebench: error: interrupted; what was merged until then is complete; run it again for the rest\n"
        )
    assert stored() == [sample(1).id, sample(2).id]
    assert len(ResultStore(Path(".sebench/results")).contents()) == 2
    document = json.loads(invoke("merge a b --format json").stdout)
    assert [(one["new"], one["present"]) for one in document["sources"]] == [(1, 2), (1, 1)]
    assert [path.name for path in Path(".sebench/results").glob(".*") if path.suffix == ".tmp"] == []
