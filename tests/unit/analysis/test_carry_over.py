"""The finding that one side's first step after a change of side takes longer."""

import pytest

from sebench.analysis.comparison import compare
from sebench.schema import Block, Segment
from tests import samples

SIDES = {"A": "baseline", "B": "candidate"}


def block(order, after_change_s):
    """One step a segment; the third follows a step of its own side."""
    times = {"A": 0.1, "B": 0.1 + after_change_s}
    steps = [times[order[0]], times[order[1]], 0.1, times[order[3]]]
    segments = tuple(Segment(side=SIDES[s], steps_s=(t,)) for s, t in zip(order, steps, strict=True))
    return Block(order=order, segments=segments, canary_s=0.004)


@pytest.mark.parametrize(
    ("after_change_s", "discard_steps", "said"), [(0.02, 0, 1), (0.0, 0, 0), (0.02, 1, 0)]
)
def test_it_is_said_where_it_moves_the_ratio_and_nothing_is_discarded(after_change_s, discard_steps, said):
    blocks = [block(order, after_change_s) for order in ("ABBA", "BAAB") * 4]
    run = samples.process(blocks, discard_steps=discard_steps)
    metrics = compare(samples.result(samples.measurement([run]))).metrics
    findings = next(m for m in metrics if m.metric == "latency").findings
    found = [f for f in findings if f.code == "carry-over"]
    assert len(found) == said
    # ln(0.12 / 0.1) = 18.232 %, of which 0.625 are 11.395 %
    assert all("about +11.40 %" in f.message for f in found)
