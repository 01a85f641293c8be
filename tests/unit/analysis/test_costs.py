"""Both sides by stage; the arithmetic is in the comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sebench.analysis.costs import pareto_front, stage_costs
from sebench.schema import OpCost, SiteCost, StaticCost


def op(stage, macs=0, read=0, written=0, **fields):
    return OpCost(
        op="aten.mul", module="m", stage=stage, macs=macs, bytes_read=read, bytes_written=written, **fields
    )


def cost(*ops, sites=()):
    return StaticCost(input_shape=(1, 3, 8, 8), params=10, buffers=0, ops=ops, sites=sites)


def test_each_stage_has_both_sides_and_what_was_added():
    baseline = cost(op("stem", 100, 40, 4), op("2", 10, 8, 2))
    sites = (SiteCost(path="a", stage="2", params=7), SiteCost(path="b", stage="2", params=5))
    candidate = cost(op("stem", 100, 40, 4), op("2", 10, 8, 2), op("2", 3, 6, 1, site="a"), sites=sites)
    stem, second = stage_costs(baseline, candidate)
    assert (stem.stage, stem.added_macs, stem.added_bytes, stem.attention_params) == ("stem", 0, 0, 0)
    # 13 - 10 MACs; (8 + 6 + 2 + 1) - (8 + 2) bytes; 7 + 5 parameters
    assert (second.added_macs, second.added_bytes, second.attention_params) == (3, 7, 12)


def test_parameters_count_once_where_there_is_a_backward_pass():
    candidate = cost(
        op("2", 1, phase="backward"), op("2", 1), sites=(SiteCost(path="a", stage="2", params=7),)
    )
    rows = stage_costs(cost(), candidate)
    assert [(row.phase, row.attention_params) for row in rows] == [("forward", 7), ("backward", 0)]


def test_a_stage_of_one_side_only_is_zero_on_the_other():
    (row,) = stage_costs(cost(op("5", 9, 4, 4)), cost())
    assert (row.candidate_macs, row.added_macs, row.added_bytes) == (0, -9, -8)


def test_networks_without_ops_have_no_stages():
    assert stage_costs(cost(), cost()) == ()


COORDINATE = st.integers(0, 6).map(float)


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], ()),
        ([(1.0, 1.0)], (0,)),
        ([(2.0, 1.0), (1.0, 2.0)], (1, 0)),
        ([(1.0, 1.0), (2.0, 2.0)], (0,)),
        ([(1.0, 3.0), (1.0, 2.0)], (1,)),  # as cheap, better
        ([(1.0, 2.0), (2.0, 2.0)], (0,)),  # as good, cheaper
        ([(1.0, 1.0), (1.0, 1.0)], (0, 1)),
    ],
)
def test_front(points, front):
    assert pareto_front(points) == front


@given(st.lists(st.tuples(COORDINATE, COORDINATE), max_size=12))
def test_the_front_is_exactly_what_nothing_beats(points):
    def beaten(point):
        return any(o[0] <= point[0] and o[1] <= point[1] and o != point for o in points)

    assert set(pareto_front(points)) == {i for i, point in enumerate(points) if not beaten(point)}
