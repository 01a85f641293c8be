"""Exports: one process per network and plan, files for all others, and nothing left of them."""

import importlib.util

import pytest
from msgspec.structs import replace

from sebench.errors import WorkerError
from sebench.runner.measuring.context import Host, RunContext
from sebench.runner.measuring.exporting import exporting, folders, keys_of
from sebench.runner.measuring.run import run
from sebench.runner.workers.session import WORKER_COMMAND
from sebench.schema import ModelSpec, Pair, PairPlan, Plan, Session, TimingPolicy, Workload

NETWORKS = """
import os
import torch
from torch import nn

class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)

def net():
    with open("builds", "a") as log:
        log.write(f"{os.getpid()}\\n")
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

def bessel():
    return Bessel()
"""
POLICY = TimingPolicy(
    effort="quick",
    processes=2,
    min_blocks=1,
    budget_s=0.01,  # the least there is
    segment_s=0.001,
    warmup_busy_s=0.01,
    timeout_s=600.0,
)
WORKLOAD = Workload(input_shape=(1, 3, 8, 8), threads=1, runtime="onnxruntime")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="needs the extra onnxruntime",
)


def spec(name, **options):
    return ModelSpec(model=f"nets.py:{name}", **options)


def plan(*pairs, workloads=(WORKLOAD,), **fields):
    planned = tuple(PairPlan(pair=pair, workloads=workloads) for pair in pairs)
    return Plan(pairs=planned, policy=POLICY, seed=3, **fields)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with networks, and what starts a worker there and counts that it did."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "nets.py").write_text(NETWORKS)
    return tmp_path


def counting(place):
    return ("sh", "-c", f'echo started >> {place}/starts; exec "$0" "$@"', *WORKER_COMMAND)


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def left(place):
    return [path.name for path in place.iterdir() if path.name.startswith("sebench-export-")]


def test_a_network_is_exported_once_for_both_sides_and_all_sessions(place):
    same = Pair(baseline=spec("net"), candidate=spec("net"))
    whole = plan(same, Pair(baseline=spec("net"), candidate=spec("bessel")))
    first, second = whole.sessions
    with exporting(whole, command=counting(place)) as exporter:
        exports = exporter.exports_of(first)
        assert exports["baseline"] is exports["candidate"]
        assert exports["baseline"].said.export_s > 0
        files = {path.name for path in exports["baseline"].folder.iterdir()}
        assert files == {"network.onnx", "network.onnx.data", "outputs.pt"}
        assert len(lines(place / "starts")) == 1
        with pytest.raises(WorkerError, match=r"onnxruntime cannot take Bessel: it has no prims.bessel_j0;"):
            exporter.exports_of(second)  # its baseline is there already
        assert len(lines(place / "starts")) == 2
        exporter.keep_for([second])
        assert exports["baseline"].folder.exists()
        exporter.keep_for([])
        assert not exports["baseline"].folder.exists()
        assert len(left(place)) == 1
    assert left(place) == []


def test_plans_of_one_seed_share_what_is_exported(place):
    whole = plan(Pair(baseline=spec("net"), candidate=spec("net")))
    with exporting(whole, command=counting(place)) as exporter:
        first = exporter.exports_of(*whole.sessions)["baseline"]
        with exporting(whole, shared=exporter) as again:
            assert again is exporter
            assert again.exports_of(*whole.sessions)["baseline"] is first
        assert len(lines(place / "starts")) == 1
        with exporting(replace(whole, seed=4), shared=exporter):  # other weights
            assert not first.folder.exists()
            exporter.exports_of(*whole.sessions)
        assert len(lines(place / "starts")) == 2
        assert len(left(place)) == 1
    assert left(place) == []


def test_the_network_as_written_is_the_same_beside_all_forms():
    def beside(variant):
        pair = Pair(baseline=spec("net"), candidate=spec("net", variant=variant))
        return keys_of(Session(pair=pair, workload=WORKLOAD), apart=False)["baseline"]

    forms = {beside(f"asis(form={form})") for form in ("pooled", "conv1x1", "folded", "pooled+conv1x1")}
    assert len(forms) == 1
    assert beside("asis") not in forms  # that is no graph
    assert beside("plain") not in forms


def test_only_sides_whose_runtime_takes_files_are_exported(place):
    mixed = Pair(baseline=spec("net", runtime="eager"), candidate=spec("net"))
    eager = Session(pair=mixed, workload=Workload(input_shape=(1, 3, 8, 8), threads=1))
    whole = plan(mixed)
    with exporting(whole, command=counting(place)) as exporter:
        assert folders(exporter.exports_of(eager)) == {}
        assert lines(place / "starts") == []
        assert set(exporter.exports_of(*whole.sessions)) == {"candidate"}


def test_workers_load_the_file_and_build_nothing(place):
    whole = plan(Pair(baseline=spec("net"), candidate=spec("net")), timed=True)
    context = RunContext(host=Host(command=counting(place)))
    (result,) = run(whole, context)
    (measurement,) = result.measurements
    assert all(each.blocks and each.error is None for each in measurement.processes)
    assert set(measurement.export_s) == {"baseline", "candidate"}
    assert all(set(each.compile_s) == {"baseline", "candidate"} for each in measurement.processes)
    assert result.environment.runtime["inference_runtimes"]["onnxruntime"]["spinning"] is False
    # Counting, exporting, and those that measure.
    assert len(lines(place / "starts")) == 2 + len(measurement.processes)
    # Built by the one that counts and the one that exports.
    assert len(set(lines(place / "builds"))) == 2
    assert left(place) == []


def test_what_one_runtime_refuses_is_said_once_and_the_others_go_on(place):
    eager = Workload(input_shape=(1, 3, 8, 8), threads=1)
    whole = plan(Pair(baseline=spec("bessel"), candidate=spec("bessel")), workloads=(WORKLOAD, eager))
    (result,) = run(whole, RunContext(host=Host(command=counting(place))))
    refused, measured = result.measurements
    assert [finding.message for finding in refused.findings] == [
        "--runtime onnxruntime cannot take Bessel: it has no prims.bessel_j0; use --runtime eager or compile"
    ]
    assert refused.processes == ()
    assert all(each.blocks for each in measured.processes)
    # Counting, the export that fails, and those that measure.
    assert len(lines(place / "starts")) == 2 + len(measured.processes)
    assert left(place) == []


def test_files_go_when_the_run_is_interrupted(place):
    def interrupt(progress):
        if progress.stage == "measuring":
            assert len(left(place)) == 1
            raise KeyboardInterrupt

    whole = plan(Pair(baseline=spec("net"), candidate=spec("net")))
    context = RunContext(host=Host(command=counting(place)), observer=interrupt)
    with pytest.raises(BaseException, match="interrupted"):
        list(run(whole, context))
    assert left(place) == []


def test_the_folder_is_nobody_elses(place):
    with exporting(plan(Pair(baseline=spec("net"), candidate=spec("net")))):
        (name,) = left(place)
        assert (place / name).stat().st_mode & 0o077 == 0
