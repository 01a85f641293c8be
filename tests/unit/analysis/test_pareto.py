import pytest
from hypothesis import given
from hypothesis import strategies as st

from sebench.analysis.pareto import pareto_front

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
