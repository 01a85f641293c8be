"""An option that several commands have is spelled, shortened and explained in one way."""

import pytest
from typer.main import get_command

from sebench.cli import app
from sebench.schema import ASKED_OPTIONS

COMMANDS = get_command(app).commands
UNIFORM = (
    "--batch-size", "--cache", "--debug", "--device", "--dtype", "--format", "--image-size",
    "--memory-format", "--model", "--num-classes", "--optimizer", "--output", "--phase", "--plot",
    "--quantize", "--quiet", "--results", "--runtime", "--seed", "--stride-in", "--threads", "--variant",
    "--world-size",
)  # fmt: skip
OWN_WORDS = {
    # Filters of results, and options that mean something else there.
    ("--format", "report"), ("--format", "sweep"), ("--variant", "sweep"), ("--output", "lock"),
    ("--batch-size", "count"),
    *((option, "calibrate") for option in ("--model", "--variant", "--phase")),
    *((option, "tune") for option in ("--model", "--variant")),
    *((option, command) for command in ("trend", "list") for option in ("--model", "--variant")),
    *((option.option, command) for command in ("trend", "list") for option in ASKED_OPTIONS),
    ("--model", "verify"), ("--runtime", "count"), ("--variant", "count"),
    ("--variant", "lock"), ("--phase", "compare"), ("--runtime", "compare"),
    ("--phase", "check"), ("--variant", "evaluate"), ("--batch-size", "evaluate"),
    *((option, "excite") for option in ("--batch-size", "--model", "--variant")),
    ("--phase", "check"),
    *(
        (option, "train")
        for option in (
            "--batch-size", "--dtype", "--model", "--num-classes", "--output", "--seed", "--variant"
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("option", UNIFORM)
def test_one_option_has_one_text(option):
    texts = {
        (tuple(parameter.opts), parameter.help)
        for name, command in COMMANDS.items()
        for parameter in command.params
        if option in parameter.opts and (option, name) not in OWN_WORDS
    }
    assert len(texts) == 1


def test_only_where_runtimes_can_be_repeated_the_help_says_so():
    said = {
        name
        for name, command in COMMANDS.items()
        for parameter in command.params
        if "--runtime" in parameter.opts and "Repeatable" in (parameter.help or "")
    }
    assert said == {"compare"}  # a sweep repeats any option, and says so once


def test_short_names_mean_one_option_each():
    meanings = {
        (short, next(name for name in parameter.opts if name.startswith("--")))
        for command in COMMANDS.values()
        for parameter in command.params
        for short in parameter.opts
        if len(short) == 2 and short.startswith("-")
    }
    shorts = [short for short, _ in meanings]
    assert len(shorts) == len(set(shorts))


def test_every_command_ends_with_an_example():
    for command in COMMANDS.values():
        assert command.epilog.startswith(f"Example: sebench {command.name} ")


def test_what_a_command_says_of_its_own():
    def text(command, option):
        return next(each.help for each in COMMANDS[command].params if option in each.opts)

    assert text("train", "--num-classes") == "Number of classes; default: that of the data."
    for command in ("train", "excite", "evaluate"):
        assert "safetensors" in text(command, "--weights")
        assert "(FILE#PART: one of several in it)" in text(command, "--weights")
