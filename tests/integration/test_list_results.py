"""``sebench list results``: what is stored, found again."""

import csv
import io
import json
import subprocess

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from sebench.cli import app
from sebench.schema import ModelSpec, Pair
from sebench.store import ResultStore
from tests import samples
from tests.interpreter import FRESH

BLOCKS = [samples.block(0.050, 0.055, order) for order in ("ABBA", "BAAB")] * 3
SAMPLE = samples.result(samples.measurement([samples.process(BLOCKS)]))
WRITER = """
import sys
from pathlib import Path
from msgspec.structs import replace
from sebench.store import ResultStore, load_result

template, directory, writer = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
store, result = ResultStore(directory), load_result(template)
for number in range(50):
    store.add(replace(result, id=f"{writer}-{number:02}"))
    if number % 10 == 9:
        store.select()
"""


def run(*arguments):
    return CliRunner().invoke(app, ["list", "results", *arguments])


def listed(*arguments):
    done = run("--format", "json", *arguments)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema"], document["kind"]) == ("sebench/1", "results")
    return [entry["id"][:8] for entry in document["results"]]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Three results: two networks, two variants, two commits, one a day."""
    monkeypatch.chdir(tmp_path)
    store = ResultStore(tmp_path / ".sebench" / "results")
    pairs = [("resnet50", "se"), ("resnet50", "se(r=8)"), ("vgg16_bn", "se")]
    for day, (model, variant) in enumerate(pairs, start=1):
        baseline = ModelSpec(model=model)
        environment = replace(samples.ENVIRONMENT, git={"commit": f"{day}f{'0' * 38}", "dirty": False})
        store.add(
            replace(
                SAMPLE,
                id=f"2026110{day}T000000000000Z-{model}",
                created_at=f"2026-11-0{day}T00:00:00+00:00",
                pair=Pair(baseline=baseline, candidate=replace(baseline, variant=variant)),
                environment=environment,
            )
        )
    return store


@pytest.mark.parametrize(
    ("arguments", "days"),
    [
        ("", [1, 2, 3]),
        ("--results .sebench/results", [1, 2, 3]),
        ("--model resnet50", [1, 2]),
        ("-m resnet50 -m vgg16_bn", [1, 2, 3]),
        ("--variant se", [1, 3]),
        ("-v se(r=16)", [1, 3]),
        ("--variant se(r=8)", [2]),
        ("--device cpu", [1, 2, 3]),
        ("--commit 2f", [2]),
        ("--since 2026-11-02", [2, 3]),
        ("--limit 2", [2, 3]),
        ("--model resnet50 --limit 1", [2]),
        ("--variant se --since 2026-11-02", [3]),
    ],
)
def test_filters(store, arguments, days):
    assert listed(*arguments.split()) == [f"2026110{day}" for day in days]


@pytest.mark.parametrize("output_format", ["table", "markdown", "csv", "latex"])
def test_formats(store, output_format):
    done = run("--format", output_format)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "20261103T000000000000Z" in done.stdout
    assert ("1.0999" if output_format == "csv" else "1.100") in done.stdout  # 0.055 / 0.050


def test_csv_holds_one_row_per_result(store):
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv").stdout)))
    assert [row["model"] for row in rows] == ["resnet50", "resnet50", "vgg16_bn"]
    assert rows[0]["path"] == ".sebench/results/20261101T000000000000Z-resnet50.json"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--model resnet5", "no result has model 'resnet5'; did you mean 'resnet50'?"),
        ("--variant eca", "no result has variant 'eca'; there is se, se(r=8)"),
        ("--device cuda", "no result has device 'cuda'; there is cpu"),
        ("--commit ff", "no result has commit 'ff'"),
        ("--since 2026-12-01", "no result has a time since 2026-12-01 00:00 UTC"),
        ("--model vgg16_bn --commit 1f", "no result has all of: model 'vgg16_bn', commit '1f'"),
    ],
)
def test_filters_that_match_nothing_say_which(store, arguments, reason):
    done = run("--format", "json", *arguments.split())
    assert done.exit_code == 0
    assert json.loads(done.stdout)["results"] == []
    assert done.stderr == f".sebench/results: {reason}\n"


def test_no_results_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run()
    assert (done.exit_code, done.stderr) == (0, ".sebench/results: there are no results\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("results --since yesterday", 2, "--since 'yesterday' is neither a date nor a duration; write 2026-"),
        ("results --results nowhere", 1, "cannot read nowhere: there is no such directory; check --results"),
        ("models --commit 1f", 2, "--commit does not apply to 'list models'"),
        ("variants --model resnet50", 2, "--model does not apply to 'list variants'"),
        ("tables --limit 3", 2, "--limit does not apply to 'list tables'"),
        ("--since 7d", 2, "--since does not apply to 'list all'"),
    ],
)
def test_what_cannot_be_meant(tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["list", *arguments.split()])
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(f"sebench: error: {message}")
    assert done.stderr.count("\n") == 1


def test_what_is_no_result_is_named_and_skipped(store):
    (store.directory / "damaged.json").write_text("{")
    (store.directory / "package.json").write_text("{}")
    done = run("--format", "json")
    document = json.loads(done.stdout)
    assert len(document["results"]) == 3
    assert document["skipped"] == [
        {"path": ".sebench/results/damaged.json", "reason": "is damaged: Input data was truncated"},
        {"path": ".sebench/results/package.json", "reason": "is not a sebench file"},
    ]
    assert done.stderr.splitlines() == [
        "warning: .sebench/results/damaged.json is damaged: Input data was truncated; skipped",
        "warning: .sebench/results/package.json is not a sebench file; skipped",
    ]
    assert run("--quiet").stderr == ""


def test_a_first_listing_of_many_says_what_it_does_and_the_next_does_not(store, monkeypatch):
    monkeypatch.setattr("sebench.cli._stored._LONG", 2)
    assert run().stderr.splitlines() == [
        "reading 3 results; they are remembered for next time",
        "computing 3 ratios; they are remembered for next time",
    ]
    assert run().stderr == ""
    (store.directory / ".index.sqlite").unlink()
    assert run("--quiet").stderr == ""


def test_list_alone_is_about_what_can_be_built(store):
    shown = CliRunner().invoke(app, ["list"])
    assert shown.exit_code == 0
    assert "Models" in shown.stdout
    assert "20261101" not in shown.stdout


def test_many_writers_lose_nothing(tmp_path):
    template = ResultStore(tmp_path / "template").add(SAMPLE)
    directory = tmp_path / "results"
    writers = [
        subprocess.Popen([FRESH, "-c", WRITER, str(template), str(directory), str(number)])
        for number in range(8)
    ]
    assert [writer.wait() for writer in writers] == [0] * 8
    expected = {f"{writer}-{number:02}" for writer in range(8) for number in range(50)}
    for _ in range(2):  # as the writers left the index, and from the index alone
        contents = ResultStore(directory).contents()
        assert {summary.id for summary in contents.results} == expected
        assert contents.skipped == ()
    (directory / ".index.sqlite").unlink()
    assert len(ResultStore(directory).contents().results) == 400


def test_a_writer_that_is_killed_leaves_whole_results(tmp_path):
    template = ResultStore(tmp_path / "template").add(SAMPLE)
    directory = tmp_path / "results"
    endless = WRITER.replace("range(50)", "range(10**9)").replace(
        "    if number", "    print(number, flush=True)\n    if number"
    )
    writer = subprocess.Popen(
        [FRESH, "-c", endless, str(template), str(directory), "w"], stdout=subprocess.PIPE
    )
    for _ in range(25):
        writer.stdout.readline()
    writer.kill()
    rest = writer.communicate()[0].count(b"\n")
    contents = ResultStore(directory).contents()
    assert contents.skipped == ()
    assert len(contents.results) in (25 + rest, 26 + rest)  # the last may not have been told


def test_no_torch_and_once_listed_no_scipy_is_imported(store):
    code = (
        "import sys; sys.argv = ['sebench', 'list', 'results']\n"
        "from sebench.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as error:\n    assert not error.code, error.code\n"
        "print([name for name in ('torch', 'pandas', 'scipy', 'numpy') if name in sys.modules])\n"
    )
    imported = [
        subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert imported[0].splitlines()[-1] == "['scipy', 'numpy']"
    assert imported[1].splitlines()[-1] == "[]"
