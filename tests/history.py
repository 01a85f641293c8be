"""Made-up results of a history: every ratio is chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from msgspec.structs import replace

from tests import samples

START = datetime(2026, 1, 1, tzinfo=UTC)


def measured(ratios, *, commit="a" * 40, day=0, baseline_s=0.05, dirty=False, workload=None, **fields):
    """A result with one process of two equal blocks per ratio: their estimates are those ratios."""
    runs = [
        samples.process([samples.block(baseline_s, baseline_s * float(ratio))] * 2, number)
        for number, ratio in enumerate(ratios)
    ]
    measurement = replace(samples.measurement(runs), workload=workload or samples.WORKLOAD)
    when = START + timedelta(days=day)
    values = {
        "id": f"{when:%Y%m%dT%H%M%S}Z-resnet50-plain-se-{commit[:6]}",
        "created_at": when.isoformat(),
        "environment": replace(samples.ENVIRONMENT, git={"commit": commit, "dirty": dirty}),
    }
    return samples.result(measurement, **{**values, **fields})


def commit(number):
    """A commit id that shows its number."""
    return f"{number:040x}"[::-1]


def noisy_history(levels, *, noise, seed, processes=6):
    """One result per level, with independent normal noise on the logarithm of each process."""
    draw = np.random.default_rng(seed)
    return [
        measured(level * np.exp(draw.normal(0, noise, processes)), commit=commit(number + 1), day=number)
        for number, level in enumerate(levels)
    ]
