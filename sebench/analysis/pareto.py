"""Which of several choices are not beaten in both of two respects."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Indices of the points that no other point beats, by ascending first coordinate.

    A point is beaten by one that is no worse in both coordinates and better in one (less is better). Of equal
    points all stay.

    Args:
        points: E.g. (latency in s, error in %).
    """
    order = sorted(range(len(points)), key=lambda index: points[index])
    front: list[int] = []
    for index in order:
        if not front or points[index][1] < points[front[-1]][1] or points[index] == points[front[-1]]:
            front.append(index)
    return tuple(front)
