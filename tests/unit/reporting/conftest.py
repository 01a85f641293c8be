"""Hand-made values for the reporting tests, and comparison with golden files."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from sebench.schema import (
    Comparison,
    Environment,
    Finding,
    Interval,
    MetricComparison,
    ModelCost,
    ModelSpec,
    OpCost,
    Quantity,
    Ratio,
    SavedBytes,
    SiteCost,
    StaticCost,
    UncountedOp,
    Workload,
)

TESTS = Path(__file__).parents[2]
UPDATE = "SEBENCH_UPDATE_GOLDEN"

CPU = Workload(input_shape=(1, 3, 224, 224), threads=2)
GPU_TRAINING = Workload(device="cuda", phase="training", batch_size=256, input_shape=(256, 3, 224, 224))


class Make:
    """Builders with defaults that are easy to check by eye."""

    cpu = CPU
    gpu_training = GPU_TRAINING

    @staticmethod
    def exact(metric, unit, baseline, candidate):
        difference, ratio = candidate - baseline, candidate / baseline
        return MetricComparison(
            metric=metric,
            unit=unit,
            exact=True,
            baseline=Quantity(value=baseline),
            candidate=Quantity(value=candidate),
            difference=Interval(estimate=difference, ci_low=difference, ci_high=difference),
            ratio=Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact"),
            grade="A",
        )

    @staticmethod
    def latency(
        *,
        ratio=(1.018, 1.012, 1.024),
        baseline=(0.05342, 0.0529, 0.0541),
        candidate=(0.05438, 0.0539, 0.0552),
        difference=(0.00096, 0.00064, 0.00128),
        scope="process",
        method="hodges-lehmann/process-t",
        processes=6,
        blocks=48,
        confidence=0.95,
        workload=CPU,
        **changes,
    ):
        fields = {"grade": "B", **changes}
        return MetricComparison(
            metric="latency",
            unit="s",
            exact=False,
            workload=workload,
            baseline=Quantity(value=baseline[0], q1=baseline[1], q3=baseline[2], n=192),
            candidate=Quantity(value=candidate[0], q1=candidate[1], q3=candidate[2], n=192),
            difference=Interval(estimate=difference[0], ci_low=difference[1], ci_high=difference[2]),
            ratio=Ratio(
                estimate=ratio[0],
                ci_low=ratio[1],
                ci_high=ratio[2],
                confidence=confidence,
                method=method,
                scope=scope,
                processes=processes,
                blocks=blocks,
            ),
            **fields,
        )

    @staticmethod
    def unavailable(reason="process 3 ran out of memory", **changes):
        fields = {"workload": CPU, "status": "unavailable", "grade": "C", **changes}
        return MetricComparison(
            metric="latency",
            unit="s",
            exact=False,
            baseline=Quantity(value=None),
            candidate=Quantity(value=None),
            difference=Interval(estimate=None),
            ratio=Ratio(estimate=None, method="none"),
            reason=reason,
            **fields,
        )

    @classmethod
    def static(cls):
        """ResNet-50 and SE-ResNet-50 at 224x224; the byte counts are round figures."""
        return (
            cls.exact("params", "1", 25_557_032, 28_088_024),
            cls.exact("macs", "MAC", 3_857_973_248, 3_860_488_192),
            cls.exact("paper_macs", "MAC", 3_863_492_608, 3_871_526_912),
            cls.exact("flops", "FLOP", 7_790_000_000, 7_806_000_000),
            cls.exact("bytes", "B", 251_000_000, 273_000_000),
        )

    @classmethod
    def comparison(cls, *metrics, model="resnet50", baseline="plain", candidate="se", **changes):
        metrics = metrics or (*cls.static(), cls.latency())
        return Comparison(model=model, baseline=baseline, candidate=candidate, metrics=metrics, **changes)

    @classmethod
    def several(cls):
        """Three pairs under one workload: a difference, none with another image size, and no measurement."""
        large = Workload(input_shape=(1, 3, 299, 299), threads=2)
        return (
            cls.comparison(),
            cls.comparison(
                cls.exact("params", "1", 23_834_568, 25_493_124),
                cls.latency(
                    ratio=(1.004, 0.997, 1.011),
                    baseline=(0.1005, 0.0999, 0.1016),
                    candidate=(0.1009, 0.1001, 0.1021),
                    difference=(0.0004, -0.0003, 0.0011),
                    workload=large,
                ),
                model="inception_v3",
                candidate="se(r=8)",
                uncounted=(UncountedOp(op="aten.erf", calls=2),),
            ),
            cls.comparison(
                cls.exact("params", "1", 4_231_976, 4_718_044), cls.unavailable(), model="mobilenet_v1"
            ),
        )

    @staticmethod
    def environment(**changes):
        fields = {
            "cpu": {
                "model": "Example CPU 9000",
                "usable_cores": 2,
                "physical_cores": 4,
                "isa": ["avx2", "fma"],
                "quota_cores": None,
                "frequency_hz": {"min": 800_000_000, "current": None},
                "caches": [{"level": 1, "size_bytes": 32_768}],
            },
            "memory": {"total_bytes": 17_179_869_184},
            "platform": {"system": "Linux", "kernel": "6.1.0", "virtualization": "kvm", "container": "none"},
            "load": {"load1": 0.25, "steal_ratio": 0.001},
            "runtime": {"num_threads": 2},
            "versions": {"python": "3.11.7", "torch": "2.15.0", "sebench": "0.1.0"},
            "variables": {"OMP_NUM_THREADS": "2"},
            "git": {"commit": "0123abc", "dirty": False},
            "findings": (
                Finding(code="virtual-machine", severity="info", message="this is a virtual machine (kvm)"),
                Finding(
                    code="steal-high",
                    severity="warning",
                    message="the host took 2.4 % of the CPU",
                    hint="measure when the neighbours are quiet",
                ),
            ),
        }
        return Environment(**{**fields, **changes})

    @staticmethod
    def op(op, module, stage, **changes):
        return OpCost(op=op, module=module, stage=stage, **changes)

    @classmethod
    def model_cost(cls, *, phase="inference", variant="se", **spec):
        """A network of two convolutions (one called twice) with one SE site of C = 64, h = 4."""
        site = "layer1.0.se"
        ops = [
            cls.op(
                "aten.convolution", "conv1", "stem", macs=1000, paper_macs=1000, flops=2000, bytes_read=400
            ),
            cls.op(
                "aten.convolution",
                "layer1.0.conv1",
                "2",
                calls=2,
                macs=4000,
                paper_macs=4000,
                flops=8000,
                bytes_written=1024,
            ),
            cls.op("aten.add", "layer1.0", "2", paper_macs=64, flops=64, bytes_read=512, bytes_written=256),
        ]
        inside = [
            cls.op("aten.mean", site, "2", site=site, paper_macs=64, flops=64, bytes_read=256),
            cls.op("aten.addmm", f"{site}.fc", "2", site=site, calls=2, macs=512, paper_macs=512, flops=1024),
            cls.op("aten.mul", site, "2", site=site, flops=64, bytes_read=512, bytes_written=256),
        ]
        backward = [
            cls.op("aten.convolution_backward", "conv1", "stem", phase="backward", macs=2000, flops=4000),
            cls.op("aten.mul", site, "2", site=site, phase="backward", flops=128, bytes_read=512),
        ]
        saved = (
            SavedBytes(stage="stem", site=None, saved_bytes=2048),
            SavedBytes(stage="2", site=site, saved_bytes=4096),
        )
        with_attention, training = variant != "plain", phase == "training"
        return ModelCost(
            spec=ModelSpec(**{"model": "resnet50", "variant": variant, **spec}),
            cost=StaticCost(
                input_shape=(1, 3, 224, 224),
                phase=phase,
                params=10_000,
                buffers=100,
                # 2 * 64 * 4 weights + 64 + 4 biases
                sites=(SiteCost(path=site, stage="2", params=580),) if with_attention else (),
                ops=(*ops, *(inside if with_attention else ()), *(backward if training else ())),
                saved=saved if training else (),
                uncounted=(UncountedOp(op="aten.erf", calls=1),) if with_attention else (),
            ),
        )


@pytest.fixture
def make():
    return Make


@pytest.fixture
def golden():
    """Compares a text with ``tests/golden/NAME``; ``SEBENCH_UPDATE_GOLDEN=1`` accepts what there is now."""

    def check(name, text):
        path = TESTS / "golden" / name
        if os.environ.get(UPDATE) == "1":
            path.write_text(text, encoding="utf-8", newline="\n")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        if text != expected:
            actual = TESTS / "actual" / name
            actual.parent.mkdir(exist_ok=True)
            actual.write_text(text, encoding="utf-8", newline="\n")
            lines = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), f"golden/{name}", f"actual/{name}", lineterm=""
            )
            pytest.fail("\n".join((*lines, f"{UPDATE}=1 accepts it")), pytrace=False)

    return check
