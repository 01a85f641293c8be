"""``sebench compare --phase training`` on the CPU."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fewest_blocks_measured")]


def test_a_training_step_is_timed_split_and_its_memory_measured(sebench):
    done = sebench(
        "compare -m mobilenet_v1 --image-size 64 --phase training -b 2 --threads 1 --effort quick --memory"
        " --seed 3 --format json -q"
    )
    (comparison,) = json.loads(done.stdout)["comparisons"]
    found = {metric["metric"]: metric for metric in comparison["metrics"]}
    assert [name for name in found if not name.startswith("latency_p")] == [
        "params", "macs", "paper_macs", "flops", "bytes",
        "latency", "forward_latency", "backward_latency", "throughput",
        "saved_bytes", "peak_memory", "resident_memory",
    ]  # fmt: skip
    assert found["latency"]["workload"]["phase"] == "training"
    assert found["latency"]["workload"]["input_shape"] == [2, 3, 64, 64]
    assert found["peak_memory"]["exact"]
    assert found["peak_memory"]["candidate"]["value"] > found["peak_memory"]["baseline"]["value"]
    assert found["peak_memory"]["baseline"]["n"] == 2
    parts = found["forward_latency"]["baseline"]["value"] + found["backward_latency"]["baseline"]["value"]
    assert 0.5 < parts / found["latency"]["baseline"]["value"] < 2  # medians do not add up exactly


NETS = """
from torch import nn

class Pair(nn.Conv2d):
    def forward(self, x):
        return {"out": super().forward(x), "of": x}

class Classes(nn.Conv2d):
    def forward(self, x):
        return super().forward(x).argmax(1)

def pair():
    return Pair(3, 4, 3)

def classes():
    return Classes(3, 4, 3)
"""


def test_networks_are_trained_without_logits_but_not_without_a_gradient(sebench, tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    options = "--phase training --image-size 8 -b 1 --threads 1 --effort quick -q --no-save --format json"
    done = sebench(f"compare --baseline nets.py:pair --candidate nets.py:pair {options}")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    found = {metric["metric"]: metric["status"] for metric in comparison["metrics"]}
    assert found["backward_latency"] == "ok"
    done = sebench(f"compare --baseline nets.py:classes --candidate nets.py:classes {options}", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("sebench: error: Classes has no output with a gradient: ")


def test_two_ranks_train_together_and_say_what_they_exchange(sebench, tmp_path):
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "def of(width):\n"
        "    pooled = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)\n"
        "    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), *pooled)\n"
        "def narrow():\n    return of(8)\n"
        "def wide():\n    return of(16)\n"
    )
    done = sebench(
        "compare --baseline nets.py:narrow --candidate nets.py:wide --image-size 16 --phase training -b 2"
        " --world-size 2 --threads 1 --effort quick --seed 3 --format json"
    )
    assert "torch" not in done.stderr  # none of its warnings
    (comparison,) = json.loads(done.stdout)["comparisons"]
    found = {metric["metric"]: metric for metric in comparison["metrics"]}
    assert [name for name in found if not name.startswith("latency_p")] == [
        "params", "macs", "paper_macs", "flops", "bytes",
        "latency", "forward_latency", "backward_latency", "throughput", "gradient_bytes",
        "saved_bytes",
    ]  # fmt: skip
    assert all(metric["status"] == "ok" for metric in found.values())
    workload = found["latency"]["workload"]
    assert (workload["world_size"], workload["batch_size"], workload["threads"]) == (2, 2, 1)
    # Convolution, norm and classifier have 8 x 28 + 16 + 90 and 16 x 28 + 32 + 170 parameters, each of which
    # has a float32 gradient.
    assert [found["params"][side]["value"] for side in ("baseline", "candidate")] == [330, 650]
    assert found["gradient_bytes"]["baseline"]["value"] == 4 * found["params"]["baseline"]["value"]
    assert found["gradient_bytes"]["candidate"]["value"] == 4 * found["params"]["candidate"]["value"]
