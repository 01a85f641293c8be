"""`sebench compare` as a user runs it: processes, streams, files, signals. No timing is asserted."""

import json
import math
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from sebench.store import load_result
from tests.interpreter import FRESH
from tests.running import children_of, command_of, heeding_ctrl_c

QUICK = "--device cpu --effort quick --threads 1"
NO_LOWER_BOUND = 600.0  # seconds to wait for an event before calling it missing


def metrics_of(comparison):
    return {metric["metric"]: metric for metric in comparison["metrics"]}


def check_ratio(metric):
    ratio = metric["ratio"]
    assert ratio["ci_low"] <= ratio["estimate"] <= ratio["ci_high"]
    assert ratio["confidence"] == 0.95
    assert all(math.isfinite(ratio[key]) for key in ("estimate", "ci_low", "ci_high"))


@pytest.mark.usefixtures("fewest_blocks_measured")
def test_json_satisfies_the_contract_and_the_raw_result_is_stored(sebench, tmp_path):
    done = sebench(f"compare --model cifar_resnet110 {QUICK} --seed 7 --format json")
    assert "\x1b" not in done.stdout + done.stderr
    # Standard error is a pipe: what is counted and measured, and a line per process with the ratio so far.
    exact, measuring, *said = done.stderr.splitlines()
    assert exact == "exact: params +0.82 %, MACs +0.00 %, bytes moved +16.38 %"
    assert measuring == "measuring cifar_resnet110: se against plain (1 of 1)"
    ended = [line for line in said if line.startswith("process 1 of 1: ")]
    assert len(ended) == 1
    said_of_it = r"process 1 of 1: .* elapsed, about 0 s left, ratio \d\.\d{3} \[.*\], does not cover other"
    assert re.fullmatch(rf"{said_of_it} processes", ended[0])
    document = json.loads(done.stdout)
    assert (document["schema"], document["kind"]) == ("sebench/1", "comparison")
    assert document["environment"]["cpu"]["usable_cores"] >= 1
    assert document["environment"]["runtime"]["num_threads"] == 1
    (comparison,) = document["comparisons"]
    assert (comparison["model"], comparison["baseline"], comparison["candidate"]) == (
        "cifar_resnet110",
        "plain",
        "se",
    )
    metrics = metrics_of(comparison)
    counted, timed = ["params", "macs", "paper_macs", "flops", "bytes"], ["latency", "throughput"]
    # How many steps there are, and so whether there are percentiles of them, is up to the machine.
    assert [name for name in metrics if not name.startswith("latency_p")] == [*counted, *timed]
    assert metrics["params"]["baseline"]["value"] == 1_730_522
    assert metrics["macs"]["baseline"]["value"] == 253_149_824
    assert all(metrics[name]["exact"] and "workload" not in metrics[name] for name in counted)
    latency = metrics["latency"]
    assert (latency["unit"], latency["exact"], latency["status"]) == ("s", False, "ok")
    assert latency["workload"] == {
        "device": "cpu",
        "phase": "inference",
        "batch_size": 1,
        "input_shape": [1, 3, 32, 32],
        "dtype": "float32",
        "memory_format": "contiguous",
        "threads": 1,
        "runtime": "eager",
        "execution": "eager",
        "optimizer": "none",
        "quantize": "none",
        "world_size": 1,
        "micro_batch_size": None,
        "cudnn_benchmark": True,
    }
    assert latency["ratio"]["scope"] == "within-process"
    assert latency["ratio"]["processes"] == 1
    check_ratio(latency)
    assert latency["grade"] in "BC"

    (path,) = (tmp_path / ".sebench" / "results").glob("*.json")
    stored = load_result(path)
    assert stored.seed == 7
    (run,) = stored.measurements[0].processes
    assert len([block for block in run.blocks if not block.invalid]) == latency["ratio"]["blocks"]
    assert stored.command[1:3] == ("compare", "--model")


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_several_models_and_variants_give_one_markdown_table(sebench, tmp_path):
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "def small():\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    done = sebench(
        "compare -m nets.py:small -m cifar_resnet110 -v plain --baseline plain --image-size 32 "
        "--effort quick --threads 1 --no-save --format markdown -o out.md"
    )
    assert done.stdout == ""
    text = (tmp_path / "out.md").read_text()
    assert text.count("| latency") == 2
    assert "A/A" in text
    assert not (tmp_path / ".sebench").exists()


# A step takes 0.02 s, so that warming up ends after 3 (0.05 s) to 7 (0.25 s) of a side; a block holds 4 of
# each. The 24th call is thus after the first block (7 + 4), and before the last one begins (3 + 11 * 4).
STUCK = """
import threading
import time
from pathlib import Path

from torch import nn


class Stuck(nn.Conv2d):
    calls = 0

    def forward(self, x):
        if x.device.type != "meta":
            time.sleep(0.02)
            self.calls += 1
        if self.calls == 24:
            Path("marker").touch()
            threading.Event().wait()
        return super().forward(x)


def net():
    return Stuck(3, 4, 3)
"""


# Other signals: tests/processes/test_signals.py, and one that ends a gate: test_check.py.
@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_interrupting_saves_what_was_measured_and_says_so(start, tmp_path):
    (tmp_path / "nets.py").write_text(STUCK)
    process = start(
        "compare --baseline nets.py:net --candidate nets.py:net --image-size 8 --effort quick --threads 1"
        " --format json"
    )
    wait_for_file(process, tmp_path / "marker")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=NO_LOWER_BOUND)
    assert process.returncode == 130
    assert "Traceback" not in err
    kept = "what was measured until then is shown and stored in .sebench/results"
    *before, last = err.splitlines()
    assert last == f"sebench: error: interrupted; {kept}"
    known = ("exact: ", "measuring ", "this will take ", "after ", "process ")
    assert all(line.startswith(known) for line in before)
    assert children_of(process.pid) == []
    (path,) = (tmp_path / ".sebench" / "results").glob("*.json")
    stored = load_result(path)
    assert stored.findings[0].code == "interrupted"
    assert 1 <= len(stored.measurements[0].processes[0].blocks) < 12
    (comparison,) = json.loads(out)["comparisons"]
    assert comparison["findings"][0]["code"] == "interrupted"
    assert "--budget" not in out


@pytest.mark.slow
def test_interrupting_leaves_no_rank_behind(start):
    process = start(
        "compare -m mobilenet_v1 --image-size 64 --phase training -b 4 --world-size 2 --threads 1"
    )
    workers = wait_for_ranks(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=NO_LOWER_BOUND)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert psutil.wait_procs(workers, timeout=NO_LOWER_BOUND)[1] == []


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_killed_worker_is_retried(start):
    process = start("compare -m cifar_wrn16_8 --image-size 8 --effort quick --threads 1 --format json")
    worker = wait_for_worker(process)
    worker.kill()
    out, err = process.communicate(timeout=NO_LOWER_BOUND)
    assert process.returncode == 0, err
    assert "killed by SIGKILL" in err
    latency = metrics_of(json.loads(out)["comparisons"][0])["latency"]
    assert latency["status"] == "ok"
    assert "worker-retried" in [finding["code"] for finding in latency["findings"]]


def test_a_repeated_count_imports_no_torch(sebench, tmp_path):
    first = sebench("count -m cifar_resnet110 --format json")
    # A torch that cannot be imported proves that the second count does not try to.
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')")
    second = sebench("count -m cifar_resnet110 --format json", PYTHONPATH=str(tmp_path))
    assert second.stdout == first.stdout
    # What a training step saves is counted by torch.
    training = "count -m cifar_resnet110 --phase training --no-cache"
    third = sebench(training, check=False, PYTHONPATH=str(tmp_path))
    assert third.returncode == 1
    assert "torch was imported" in third.stderr


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    pipe = f"{sys.executable} -m sebench list | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipe], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def start(tmp_path, environ):
    """Start ``sebench ARGUMENTS`` and leave it running; it does not outlive the test."""
    started = []

    def run(arguments):
        process = subprocess.Popen(
            [FRESH, "-m", "sebench", *arguments.split()],
            cwd=tmp_path,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - no threads here
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_for_worker(process):
    """The worker process, as soon as there is one."""
    deadline = time.monotonic() + NO_LOWER_BOUND
    while time.monotonic() < deadline:
        for child in children_of(process.pid):
            if "sebench/worker/" in command_of(child):
                return child
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("no worker was started")


def wait_for_ranks(process):
    """The processes of both ranks, as soon as there are two."""
    deadline = time.monotonic() + NO_LOWER_BOUND
    while time.monotonic() < deadline:
        worker = wait_for_worker(process)
        if others := children_of(worker.pid):
            return [worker, *others]
        time.sleep(0.05)
    raise AssertionError("no second rank was started")


def wait_for_file(process, path):
    """Return once it is there."""
    deadline = time.monotonic() + NO_LOWER_BOUND
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was never written"
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
