"""How many blocks of a `Go` are measured, on a clock that is set."""

import pytest

from sebench.schema import ModelSpec, Pair, TimingPolicy, Workload
from sebench.worker.blocks import timed_blocks
from sebench.worker.protocol import Go, Request
from tests.fakes import FakeDevice
from tests.workers.quiet import quiet_probe

REQUEST = Request(
    pair=Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se")),
    workload=Workload(input_shape=(1, 3, 8, 8)),
    policy=TimingPolicy(),
    build_order=("baseline", "candidate"),
    weight_seed=1,
    process_seed=1,
)


def measured(*, deadline_s, at_least=0, planned=5, **asked):
    device = FakeDevice()
    steps = {"baseline": device.step("A", 1.0), "candidate": device.step("B", 1.0)}
    orders = ("ABBA", "BAAB", "ABBA", "ABBA", "BAAB")[:planned]
    go = Go(steps_per_segment=1, orders=orders, deadline_s=deadline_s, at_least=at_least)
    return list(timed_blocks(go, REQUEST, steps, device, quiet_probe, **asked))


# A block is 4 segments of a step that is not timed and one that is: 8 s, and at most 0.02 s of pauses.
@pytest.mark.parametrize(
    ("deadline_s", "at_least", "expected"),
    [
        (100.0, 0, 5),
        (20.0, 0, 3),  # they begin at 0, 8 and 16 s
        (-1.0, 0, 0),
        (20.0, 4, 4),
        (-1.0, 2, 2),
        (100.0, 2, 5),
        (-1.0, 9, 5),  # never more than planned
    ],
)
def test_the_first_blocks_are_measured_in_any_case_and_the_others_in_time(deadline_s, at_least, expected):
    found = measured(deadline_s=deadline_s, at_least=at_least)
    assert [block.order for block in found] == ["ABBA", "BAAB", "ABBA", "ABBA", "BAAB"][:expected]


def test_the_heap_is_shifted_anew_for_every_block():
    drawn = []
    measured(deadline_s=100.0, planned=3, shift=lambda rng: drawn.append(rng.random()))
    assert len(set(drawn)) == 3
