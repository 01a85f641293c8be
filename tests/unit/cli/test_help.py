"""Help texts as a newcomer reads them: words for values, lines that fit, summaries that are not cut off."""

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sebench.cli import app
from sebench.cli._app import application

COMMANDS = sorted(get_command(app).commands)
TYPE_NAMES = re.compile(r"<[^>]*\b(str|int|float|bool|path|Path|list|tuple|range)\b[^>]*>|\bTEXT\b|\bVALUE\b")
NAMED_BY_WORDS = {("verify", "--source")}
"""Its value is any text."""


@pytest.fixture
def help_of(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")

    def shown(*command):
        done = CliRunner().invoke(app, [*command, "--help"], prog_name="sebench")
        assert done.exit_code == 0, done.stderr
        return done.stdout

    return shown


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids="".join)
def test_every_line_fits_80_columns(help_of, command):
    assert [line for line in help_of(*command).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_values_have_words_not_types_of_python(help_of, command):
    left = [line for line in help_of(command).splitlines() if TYPE_NAMES.search(line)]
    assert [line for line in left if not any(option in line for _, option in NAMED_BY_WORDS)] == []


def test_words_for_values(help_of):
    shown = help_of("compare")
    for words in (
        "-m, --model MODEL ",
        "-v, --variant VARIANT ",
        "--phase <inference|training> ",
        "-b, --batch-size N ",
        "--from OLD NEW ",
        "--results DIR ",
        "--budget SECONDS ",
        "--plot FILE ",
        "-o, --output FILE ",
    ):
        assert f"  {words}" in shown
    assert "\n  NAME  1, 2, 3, 7," in help_of("table")
    assert "--by <op|stage|site> " in help_of("count")
    assert "--candidate FACTORY " in help_of("check")


def test_the_list_of_commands_is_not_cut_off(help_of):
    shown = help_of()
    listed = re.findall(r"^  (\w+) +(\S.*)$", shown.partition("Commands:\n")[2], re.MULTILINE)
    summaries = {name: text for name, text in listed if name in COMMANDS}
    assert sorted(summaries) == COMMANDS
    assert [name for name, text in summaries.items() if not text.endswith(".") or text.endswith("..")] == []


@pytest.mark.parametrize("command", ["count", "list"])
def test_a_command_that_is_imported_alone_reads_the_same(help_of, command):
    alone = application(command)
    assert sorted(get_command(alone).commands) == [command]
    done = CliRunner().invoke(alone, [command, "--help"], prog_name="sebench")
    assert done.stdout == help_of(command)


@pytest.mark.parametrize("word", [None, "--help", "cuont"])
def test_all_commands_are_there_where_none_is_named(word):
    assert sorted(get_command(application(word)).commands) == COMMANDS
