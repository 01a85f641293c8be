"""A worker whose networks take the time that their file says: ``steady.py CONDITION``; torch is not needed.

A file says ``STEP_S = 0.2``; without a word it is `STEP_S`. Fresh processes differ by 1 % at most, drawn from
the seed that the runner gives them, so a gate comes to the same verdict on every machine. The real sampler
measures the blocks, and the real `answer` serves a side. CONDITION: ``calm``; ``restless``, where fixed work
beside the blocks varies; ``busy``, where one step in three takes twice as long.
"""

import os
import re
import sys
from contextlib import nullcontext
from itertools import count, cycle
from pathlib import Path
from random import Random

import msgspec

from sebench.profilers.device import Timing
from sebench.profilers.latency import measure_block, warm_up
from sebench.profilers.probes import Probe
from sebench.schema import StaticCost
from sebench.worker.protocol import (
    Alive,
    Asked,
    Counted,
    CountRequest,
    Done,
    Go,
    Measured,
    Ready,
    SideReady,
    SideRequest,
)
from sebench.worker.side import answer

STEP_S = 0.2
PROCESSES_DIFFER, STEPS_DIFFER = 0.01, 0.0001
CANARIES_S = {"calm": (0.004,), "restless": (0.004, 0.006), "busy": (0.004, 0.006)}
BURST, BURSTS = 2.0, {"calm": 0.0, "restless": 0.0, "busy": 1 / 3}
RUNTIME = {"device": {}, "torch": "pretended"}


class Steady:
    """A device on a clock that is told the time; a step is the seconds that it takes."""

    name = "cpu"

    def __init__(self, condition="calm"):
        self.now_s, self.canaries_s = 0.0, cycle(CANARIES_S[condition])

    def clock(self):
        return self.now_s

    def pause(self, duration_s):
        self.now_s += duration_s

    def timed(self, step, count):
        steps_s = tuple(step() for _ in range(count))
        self.now_s += sum(steps_s)
        return Timing(steps_s=steps_s)

    def canary_s(self):
        return next(self.canaries_s)

    def state(self):
        return None

    def quiet(self):
        return nullcontext()


_reads = count()


def quiet_probe():
    """Nobody else uses the machine."""
    return Probe(
        monotonic_s=float(next(_reads)),
        boottime_s=None,
        process_cpu_s=0.0,
        cpus=None,
        ticks=None,
        machine=None,
        throttled_periods=None,
    )


def step_of(spec, condition):
    """Draws the seconds of one step of a network in this process."""
    source = Path(spec.model.rpartition(":")[0])
    text = source.read_text() if source.is_file() else ""
    said = re.findall(r"^STEP_S = (.+)$", text, re.MULTILINE)
    rng = Random(f"{os.environ['PYTHONHASHSEED']}/{source}/{spec.commit is None}")
    step_s = float(said[-1] if said else STEP_S) * (1 + rng.uniform(-1, 1) * PROCESSES_DIFFER)

    def step():
        disturbed = BURSTS[condition] and rng.random() < BURSTS[condition]
        return step_s * rng.gauss(1, STEPS_DIFFER) * (BURST if disturbed else 1)

    return step


def pair(request, read, send, device, condition):
    """Both networks in this process."""
    specs = {"baseline": request.pair.baseline, "candidate": request.pair.candidate}
    steps = {side: step_of(spec, condition) for side, spec in specs.items()}
    send(Ready(step_s=warm_up(steps, device, request.policy).step_s, runtime=RUNTIME))
    go, rng = msgspec.json.decode(read(), type=Go), Random(request.process_seed)
    for order in go.orders:
        block = measure_block(
            steps,
            order,
            go.steps_per_segment,
            discard_steps=go.discard_steps,
            device=device,
            threads=1,
            rng=rng,
            probe=quiet_probe,
        )
        send(Measured(block=block))
    send(Done())


def serve(read, send, condition):
    send(Alive())
    request = msgspec.json.decode(read(), type=Asked)
    if isinstance(request, CountRequest):
        while True:
            send(Counted(cost=StaticCost(input_shape=request.input_shape, params=1, buffers=0)))
            if not (line := read()):
                break
            request = msgspec.json.decode(line, type=CountRequest)
        send(Done())
    elif isinstance(request, SideRequest):
        send(SideReady(runtime=RUNTIME))
        for timed in answer(read, step_of(request.spec, condition), Steady(condition)):
            send(timed)
    else:
        pair(request, read, send, Steady(condition), condition)


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    serve(
        sys.stdin.buffer.readline,
        lambda reply: replies.write(msgspec.json.encode(reply) + b"\n"),
        sys.argv[1],
    )
