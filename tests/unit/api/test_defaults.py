"""The library and the command line have the same options with the same defaults."""

import inspect

import pytest
from typer.main import get_command

import sebench
from sebench.cli import app
from sebench.schema import SEARCH_AXES

COMMANDS = get_command(app).commands
CALLED = {"budget_s": "budget", "results": "directory", "kinds": "kind"}
"""Parameters that the command line calls differently; there is no unit in the name of an option."""
ALONE = {
    "compare": {"progress", "execution"},
    "count": {"sites", "stages"},
    "profile": {"sites", "stages"},
    "check": {"progress"},
    "evaluate": set(),
    "table": {"progress"},
    "tune": {"progress", "axes"},
    "excite": {"progress"},
}
"""What only programs have: a callback, a former name, and what describes a module object."""
PRESENTATION = {"output_format", "output", "plot", "quiet", "debug", "cache"}
UNSAID = {
    # `save` is None there; stored results are for `load`; a class is a variant; accuracy is for documents
    "compare": {"no_save", "sides", "directory", "attention", "across", "directories", "accuracy"},
    # Every breakdown is an attribute. Graphs of runtimes are shown; `sebench.graphs` reads those of files.
    "count": {"by", "sites", "cross_check", "strict", "attention", "runtime", "graph"},
    "profile": {"attention", "runtime"},
    "evaluate": set(),
    # `attempts=None`, and `sebench.reporting.exports`
    "check": {"no_save", "junit", "dump_config", "attention"},
    "table": set(),
    "excite": set(),
    # `save` is None there; `axes` has all options of attention, `forms` the names of forms
    "tune": {"no_save", "form", "export", *(f"axis_{name}" for name in SEARCH_AXES)},
}
"""What only the command line has."""
DIFFERENT = {
    ("compare", "save"): "a program's folders are left alone",
    ("tune", "save"): "a program's folders are left alone",
    ("count", "variant"): "one network is counted, not plain and se",
    ("compare", "runtime"): "None is eager, or what reads the file",
    ("profile", "variant"): "None is no variant",
}
SHARED = [
    (name, parameter)
    for name in ALONE
    for parameter in inspect.signature(getattr(sebench, name)).parameters
    if parameter not in ALONE[name]
]


def options(name):
    return {each.name: each for each in COMMANDS[name].params}


@pytest.mark.parametrize(("name", "parameter"), SHARED)
def test_defaults_are_those_of_the_command_line(name, parameter):
    library = inspect.signature(getattr(sebench, name)).parameters[parameter].default
    command = options(name)[CALLED.get(parameter, parameter)]
    if (name, parameter) in DIFFERENT:
        assert library != command.default
        return
    if library is inspect.Parameter.empty:
        assert command.required
        return
    # Nothing said of a repeatable option is an empty list there, and of a directory None.
    default = command.default or None
    if isinstance(default, list):  # of what may be said several times, a program says one
        (default,) = default
    assert (library or None) == default or command.name == "directory"


@pytest.mark.parametrize("name", ALONE)
def test_every_option_has_a_parameter(name):
    shared = {CALLED.get(parameter, parameter) for found, parameter in SHARED if found == name}
    visible = {each.name for each in COMMANDS[name].params if not getattr(each, "hidden", False)}
    assert visible - shared == (PRESENTATION & visible) | UNSAID[name]


@pytest.mark.parametrize("name", ALONE)
def test_every_parameter_is_described(name):
    function = getattr(sebench, name)
    described = inspect.getdoc(function)
    missing = [each for each in inspect.signature(function).parameters if f"\n    {each}: " not in described]
    assert missing == []


def test_every_command_that_has_something_to_return_is_a_function():
    without = {"calibrate", "env", "export", "list", "lock", "merge", "report", "trend", "verify"}
    # Of a sweep the options are axes, `sebench.sweep(axes={...})`. What `--resume` goes on with needs no
    # network, data and output there: `sebench.train` and `sebench.resume_training` are two functions.
    assert set(COMMANDS) == set(ALONE) | without | {"sweep", "train"}
