"""A worker in which a step takes what a file says of its variant: ``varied.py FILE``; torch is not needed.

The file is JSON: seconds of a step by variant. Steps differ by 0.05 %, processes by much less, drawn from
the seed that the runner gives them. A variant that the file does not have ends the process with an error.
"""

import json
import os
import sys
from pathlib import Path
from random import Random

from tests.workers import steady

PROCESSES_DIFFER, STEPS_DIFFER = 0.00001, 0.0005


def step_of(spec, condition):
    """Draws the seconds of one step of a variant in this process."""
    known = json.loads(Path(condition).read_text())
    if spec.variant not in known:
        sys.exit(f"no step for {spec.variant}")
    rng = Random(f"{os.environ['PYTHONHASHSEED']}/{spec.variant}")
    step_s = known[spec.variant] * (1 + rng.uniform(-1, 1) * PROCESSES_DIFFER)
    return lambda: step_s * rng.gauss(1, STEPS_DIFFER)


class Steady(steady.Steady):
    def __init__(self, condition):
        super().__init__()


if __name__ == "__main__":
    steady.step_of, steady.Steady, steady.BURSTS = step_of, Steady, {}
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    steady.serve(
        sys.stdin.buffer.readline,
        lambda reply: replies.write(steady.msgspec.json.encode(reply) + b"\n"),
        sys.argv[1],
    )
