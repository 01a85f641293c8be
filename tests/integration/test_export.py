"""``sebench export`` as a user runs it; what it writes for pyperf is read by pyperf itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from sebench.reporting.exports import EXPORTS
from sebench.store import ResultStore
from tests import samples
from tests.interpreter import FRESH

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
PAIR = "resnet50 plain -> resnet50 se, cpu inference 1x3x224x224 float32, 2 threads"


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "store")


@pytest.fixture
def result():
    """Three processes with two blocks each: 20 and 21 ms without SE, twice that with it."""
    blocks = [samples.block(0.020, 0.040), samples.block(0.021, 0.042, "BAAB")]
    return samples.result(samples.measurement([samples.process(blocks, number) for number in range(3)]))


def pyperf(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_pyperf_shows_and_compares(sebench, tmp_path, store, result):
    store.add(result)
    sebench("export pyperf store -o both.json")
    shown = pyperf("show", "--quiet", tmp_path / "both.json")
    # 12 steps of 20 and 12 of 21 ms: mean 20.5, standard deviation 0.5 x sqrt(24 / 23) = 0.51.
    assert f"{PAIR}, baseline" in shown
    assert "Mean +- std dev: 20.5 ms +- 0.5 ms" in shown
    for side in ("baseline", "candidate"):
        sebench(f"export pyperf store --side {side} -o {side}.json")
    compared = pyperf("compare_to", tmp_path / "baseline.json", tmp_path / "candidate.json")
    assert compared == (
        "Mean +- std dev: [baseline] 20.5 ms +- 0.5 ms -> [candidate] 41.0 ms +- 1.0 ms: 2.00x slower\n"
    )


@pytest.mark.parametrize("name", [export.name for export in EXPORTS.values() if export.takes != "gate"])
def test_results_of_real_runs(invoke, name):
    done = invoke(f"export {name} {DATA} --quiet")
    assert json.loads(done.stdout)
    assert done.stderr == ""


def test_ids_are_looked_up_where_results_says(invoke, store, result):
    name = store.add(result).stem
    assert invoke(f"export pyperf {name}", check=False).exit_code == 1
    assert json.loads(invoke(f"export pyperf {name} --results store").stdout)


def test_of_results_of_one_pair_the_latest_counts(invoke, store, result):
    store.add(replace(result, id="later", created_at="2030-01-01T00:00:00+00:00"))
    store.add(result)
    done = invoke("export github-action-benchmark store")
    assert done.stderr == f"left out: {result.id} was measured again later\n"
    assert [entry["name"].rpartition(": ")[2] for entry in json.loads(done.stdout)] == [
        *("params", "macs", "paper_macs", "flops", "bytes", "latency")
    ]
    assert invoke("export github-action-benchmark store --quiet").stderr == ""


def test_one_result_named_twice_is_one_result(invoke, store, result):
    path = store.add(result)
    done = invoke(f"export bencher {path} store")
    assert done.stderr == ""
    assert json.loads(done.stdout)["resnet50: plain -> se, cpu inference 1x3x224x224 float32, 2 threads"][
        "params-ratio"
    ] == {"value": 1.1}


def test_what_cannot_be_read_in_a_directory_is_named(invoke, store, result):
    store.add(result)
    (store.directory / "bad.json").write_text("{")
    done = invoke("export pytest-benchmark store")
    assert done.stderr.startswith("warning: store/bad.json is damaged")
    assert len(json.loads(done.stdout)["benchmarks"]) == 2
    assert invoke("export pytest-benchmark store/bad.json", check=False).exit_code == 1


def test_what_was_not_measured_is_named(invoke, store):
    failed = samples.measurement([samples.process([samples.block(1, 2)], error="out of memory")])
    store.add(samples.result(failed))
    done = invoke("export bencher store")
    assert "latency-ratio" not in done.stdout
    assert done.stderr == "left out: resnet50 se, latency: out of memory\n"
    done = invoke("export pyperf store", check=False)
    assert done.exit_code == 1
    assert "nothing to export: no result holds timed steps" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("pyperf", 2, "missing argument 'RESULTS'"),
        ("pyprf x.json", 2, "'pyprf' is not one of"),
        ("bencher x.json --side baseline", 2, "--side does not apply to bencher"),
        ("pyperf gone.json", 1, "cannot read gone.json: No such file or directory"),
        ("pyperf .", 1, "there are no results in .; `sebench compare` stores them"),
        ("pyperf x.json -o .", 1, "cannot write .: it is a directory"),
    ],
)
def test_mistakes_are_one_line(invoke, arguments, code, message):
    done = invoke(f"export {arguments}", check=False)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr


def test_neither_torch_nor_pyperf_is_imported(tmp_path, store, result):
    store.add(result)
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom sebench.cli import app\n"
        "done = CliRunner().invoke(app, ['export', 'pyperf', 'store'])\n"
        "assert done.exit_code == 0, done.output\n"
        "assert 'torch' not in sys.modules and 'pyperf' not in sys.modules"
    )
    subprocess.run([FRESH, "-c", code], cwd=tmp_path, check=True)
