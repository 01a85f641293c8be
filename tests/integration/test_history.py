"""`sebench compare --from` and `sebench trend` on a generated store: nothing is measured, torch stays out."""

import json
import sys

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from sebench.cli import app
from sebench.schema import ModelSpec, Pair
from sebench.store import ResultStore
from tests import samples
from tests.history import commit, measured, noisy_history

SPREAD = (0.99, 1.00, 1.01)


def sebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def only_line(done):
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The directory that commands look in by default, from a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return ResultStore(tmp_path / ".sebench" / "results")


@pytest.fixture
def history(store):
    """Eight commits at 1.05, seven at 5 % more."""
    for result in noisy_history([1.05] * 8 + [1.1025] * 7, noise=0.01, seed=4):
        store.add(result)
    return store


# --- compare --from -------------------------------------------------------------------------------------


def test_files_directories_and_ids(store, tmp_path):
    old, new = store.add(measured(SPREAD)), store.add(measured([1.2, 1.21, 1.22], day=1))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / new.name).write_bytes(new.read_bytes())
    for before in (old, old.stem, "20260101"):
        for after in (new, new.stem, "new"):
            done = sebench("compare", "--from", before, after, "--format", "json")
            assert (done.exit_code, done.stderr) == (0, "")
            (change,) = json.loads(done.stdout)["changes"]
            latency = next(m for m in change["metrics"] if m["metric"] == "latency")
            assert latency["verdict"] == "slower"


def test_ids_are_looked_up_where_results_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = (ResultStore(tmp_path / "kept").add(measured(SPREAD, day=day)).stem for day in (0, 1))
    assert sebench("compare", "--from", old, new).exit_code == 1
    assert sebench("compare", "--from", old, new, "--results", "kept").exit_code == 0
    done = sebench("compare", "-m", "resnet50", "--results", "kept")
    assert done.exit_code == 2
    assert only_line(done) == (
        "sebench: error: --results needs --from; use --save for the directory to write to"
    )


@pytest.mark.parametrize("output_format", ["table", "markdown", "csv", "latex"])
def test_every_format_to_a_file(store, tmp_path, output_format):
    path = store.add(measured(SPREAD))
    done = sebench("compare", "--from", path, path, "-f", output_format, "-o", tmp_path / "out")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert "no change shown" in (tmp_path / "out").read_text()


def test_models_and_variants_choose_among_the_results(store):
    se8 = Pair(baseline=ModelSpec(model="vgg16_bn"), candidate=ModelSpec(model="vgg16_bn", variant="se(r=8)"))
    store.add(measured(SPREAD))
    store.add(measured(SPREAD, pair=se8, id="20260101T000000Z-vgg"))
    everything = ("compare", "--from", store.directory, store.directory, "-f", "json")
    for arguments, expected in (
        ((), ["resnet50", "vgg16_bn"]),
        (("-m", "vgg16_bn"), ["vgg16_bn"]),
        (("-v", "SE( r=16 )"), ["resnet50"]),
        (("--baseline", "plain"), ["resnet50", "vgg16_bn"]),
    ):
        changes = json.loads(sebench(*everything, *arguments).stdout)["changes"]
        assert sorted(change["model"] for change in changes) == expected


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("--effort quick", "--effort"),
        ("--device cpu", "--device"),
        ("-b 4", "--batch-size"),
        ("--no-memory", "--memory"),
        ("--seed 3", "--seed"),
        ("--no-save", "--no-save"),
        ("--save elsewhere", "--save"),
        ("--threads 2 -m resnet50", "--threads"),
    ],
)
def test_options_about_measuring_are_refused(store, arguments, option):
    path = store.add(measured(SPREAD))
    done = sebench("compare", "--from", path, path, *arguments.split())
    assert done.exit_code == 2
    assert only_line(done) == (
        f"sebench: error: {option} cannot be combined with --from, which measures nothing; leave it out"
    )


def test_nothing_to_compare_is_a_usage_error(store):
    done = sebench("compare")
    assert done.exit_code == 2
    assert only_line(done).startswith("sebench: error: nothing to compare; name at least one --model")
    assert sebench("compare", "--from", "one").exit_code == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nowhere.json",
            "cannot read nowhere.json: No such file or directory",
        ),
        (
            "20260101T000000Z-resnet50-plain-se-aaaaab",
            "did you mean '20260101T000000Z-resnet50-plain-se-aaaaaa' or ",
        ),
        ("2026", "'2026' matches 2 IDs: 20260101"),
        ("empty", "there are no results in empty"),
        ("damaged.json", "damaged.json is damaged"),
        ("foreign.json", "foreign.json is not a sebench file"),
        ("newer.json", "newer.json has schema 'sebench/99', this version reads 'sebench/1'; upgrade sebench"),
    ],
)
def test_names_that_mean_no_result(store, tmp_path, name, message):
    path = store.add(measured(SPREAD))
    store.add(measured(SPREAD, day=1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.json").write_text('{"schema": "sebe')
    (tmp_path / "foreign.json").write_text("{}")
    (tmp_path / "newer.json").write_text('{"schema": "sebench/99"}')
    done = sebench("compare", "--from", path, name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in only_line(done)


def test_what_cannot_be_read_in_a_directory_is_named_and_passed_over(store):
    store.add(measured(SPREAD))
    (store.directory / "broken.json").write_text("{")
    done = sebench("compare", "--from", store.directory, store.directory)
    assert done.exit_code == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 2  # once per side
    assert lines[0].startswith(f"warning: {store.directory / 'broken.json'} is damaged")
    assert sebench("compare", "--from", store.directory, store.directory, "-q").stderr == ""


def test_nothing_in_common_is_not_a_success(store):
    other = Pair(baseline=ModelSpec(model="a"), candidate=ModelSpec(model="a", variant="se"))
    old = store.add(measured(SPREAD))
    new = store.add(measured(SPREAD, pair=other, day=1))
    done = sebench("compare", "--from", old, new)
    assert done.exit_code == 4
    assert "Only in the new results: a with SE against plain" in done.stdout
    assert only_line(done).startswith("sebench: error: nothing was compared")


# --- trend ----------------------------------------------------------------------------------------------


def test_a_step_is_found_and_drawn(history, tmp_path):
    done = sebench("trend", "latency", "-m", "resnet50", "--format", "json", "--plot", tmp_path / "t.svg")
    assert (done.exit_code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    (change,) = document["change_points"]
    assert (change["after"], change["verdict"]) == (commit(9)[:12], "slower")
    assert len(document["points"]) == 15
    assert (tmp_path / "t.svg").read_bytes().startswith(b"<?xml")


def test_the_default_is_a_table(history):
    done = sebench("trend", "latency", "--model", "resnet50")
    assert done.exit_code == 0
    assert f"Slower from {commit(9)[:12]} on" in done.stdout
    assert "Change points" in done.stdout


def test_since_and_filters(history):
    common = ("trend", "latency", "-m", "resnet50", "-f", "json")
    recent = json.loads(sebench(*common, "--since", "2026-01-10").stdout)["points"]
    assert recent[0]["measured_at"] == "2026-01-10T00:00:00+00:00"
    alike = sebench(*common, "--device", "cpu", "--phase", "inference", "-b", "1")
    assert len(json.loads(alike.stdout)["points"]) == 15
    done = sebench(*common, "--phase", "training")
    assert (done.exit_code, done.stdout) == (4, "")
    expected = "no result in .sebench/results has latency of resnet50: plain -> se with these options"
    assert expected in only_line(done)


def test_one_commit_is_a_table_and_a_note(store):
    store.add(measured(SPREAD))
    done = sebench("trend", "latency", "-m", "resnet50")
    assert done.exit_code == 0
    assert "No change points were sought, one commit only" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("latncy -m resnet50", 2, "unknown metric 'latncy'; did you mean 'latency'"),
        (
            "latency -m resnet50 --since soon",
            2,
            "--since 'soon' is neither a date nor a duration",
        ),
        ("latency -m resnet50 --fingerprint zz", 2, "--fingerprint 'zz' fits no result; there are"),
        ("latency -m resnet50 --plot t.pdf", 2, "--plot draws no 'pdf'; name a file in svg or png"),
        ("latency -m resnet51", 4, "no result has model 'resnet51'; did you mean 'resnet50'?"),
        ("latency -m resnet50 -v se(r=8)", 4, "no result has variant 'se(r=8)'"),
        ("latency -m resnet50 --baseline se", 4, "no such result has baseline 'se'"),
        ("energy -m resnet50", 4, "has energy of resnet50"),
        ("latency -m resnet50 --results elsewhere", 4, "elsewhere: there are no results"),
        ("latency -m resnet50 -o .", 1, "cannot write .: it is a directory"),
    ],
)
def test_mistakes_are_one_line(history, arguments, code, message):
    done = sebench("trend", *arguments.split())
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in only_line(done)


def test_without_a_commit_there_is_no_trend(store):
    store.add(measured(SPREAD, environment=samples.ENVIRONMENT))
    done = sebench("trend", "latency", "-m", "resnet50")
    assert done.exit_code == 4
    assert "records the commit it was measured at" in only_line(done)


def test_without_ruptures_the_extra_is_named(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    done = sebench("trend", "latency", "-m", "resnet50")
    assert (done.exit_code, done.stdout) == (2, "")
    assert only_line(done).endswith(
        "finding change points needs ruptures; pip install 'sebench-torch[trend]'"
    )
    assert sebench("trend", "params", "-m", "resnet50").exit_code == 0  # counts need no search


def test_another_machine_is_counted_not_mixed(history):
    moved = replace(samples.ENVIRONMENT, cpu={"model": "Other"}, git={"commit": "e" * 40})
    history.add(measured([3.0, 3.1], day=3, environment=moved))
    done = sebench("trend", "latency", "-m", "resnet50")
    assert "left out: 1 result: another fingerprint" in done.stdout
    assert "3.0" not in done.stdout.split("left out")[0].split("Change points")[0]
