"""One file that makes no sense among stored results: named, skipped, and no reason to lose the others."""

import json
import os

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from sebench.store import ResultStore
from tests.history import commit, measured


def sebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Two sound results of two commits, in the directory that commands look in."""
    monkeypatch.chdir(tmp_path)
    store = ResultStore(tmp_path / ".sebench" / "results")
    for day in (0, 1):
        store.add(measured((1.04, 1.05, 1.06), commit=commit(day + 1), day=day))
    return store


def with_step(seconds):
    def damage(text):
        document = json.loads(text)
        document["measurements"][0]["processes"][0]["blocks"][0]["segments"][0]["steps_s"][0] = seconds
        return json.dumps(document)

    return damage


def with_field(name, value):
    return lambda text: json.dumps(json.loads(text) | {name: value})


DAMAGES = {
    "time": with_field("created_at", "9999-12-31T23:59:59-23:59"),
    "year": with_field("created_at", "0001-01-01T00:00:00+23:59"),
    "tiny": with_step(5e-324),
    "zero": with_step(0.0),
    "negative": with_step(-0.05),
    "huge": with_step(1e308),
    "identity": with_field("id", "../../escape"),
    "deep": lambda text: text.rstrip().removesuffix("}") + ', "x": ' + "[" * 50_000,
    "cut": lambda text: text[: len(text) // 2],
    "binary": lambda text: "\x00\x01" * 50,
}
COMMANDS = (
    "list results --format json",
    "trend latency -m resnet50",
    "compare --from .sebench/results .sebench/results",
    "export pyperf .sebench/results",
    "export bencher .sebench/results",
    "report --format markdown",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_others_are_read_as_if_it_were_not_there(store, command):
    alone = sebench(*command.split())
    assert alone.exit_code == 0, alone.stderr
    sound = store.paths()[-1].read_text()
    for name, damage in DAMAGES.items():
        (store.directory / f"odd-{name}.json").write_text(damage(sound))
    os.mkfifo(store.directory / "pipe.json")
    (store.directory / "folder.json").mkdir()
    done = sebench(*command.split())
    assert done.exit_code == 0, done.stderr
    if command.startswith("list"):
        assert json.loads(done.stdout)["results"] == json.loads(alone.stdout)["results"]
    else:
        assert done.stdout == alone.stdout
    for name in DAMAGES:  # `compare --from` reads the directory for either side
        (warning,) = {line for line in done.stderr.splitlines() if f"odd-{name}.json" in line}
        assert warning.startswith("warning: .sebench/results/odd-")
        assert warning.endswith("; skipped")


@pytest.mark.parametrize("command", ["report {}", "export pyperf {}", "compare --from {} {}"])
@pytest.mark.parametrize("name", ["time", "tiny", "deep"])
def test_named_as_such_it_is_one_line(store, command, name):
    odd = store.directory / "odd.json"
    odd.write_text(DAMAGES[name](store.paths()[-1].read_text()))
    done = sebench(*command.format(odd, odd).split())
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"sebench: error: {odd} is damaged: ")
    assert line.endswith("; measure again")
