"""Counts the networks that published figures are about."""

from __future__ import annotations

from sebench import models
from sebench.paper.quantities import Count
from sebench.paper.subjects import Subject
from sebench.runner.counting.counter import count_model
from sebench.runner.planning.inputs import input_shape
from sebench.runner.planning.pairs import resolve_spec
from sebench.schema import (
    NetworkOptions,
    StaticCost,
)
from sebench.store import CountCache


def known_models() -> frozenset[str]:
    """Names in sebench's registry."""
    return frozenset(info.name for info in models.list_models())


def counter(cache: CountCache | None) -> Count:
    """A function that counts a subject at batch 1, each once.

    Args:
        cache: of earlier runs; None counts afresh.
    """
    counted: dict[Subject, StaticCost] = {}

    def count(subject: Subject) -> StaticCost:
        if subject not in counted:
            options = NetworkOptions(stride_in=subject.stride_in)
            spec = resolve_spec(subject.model, subject.variant, options)
            shape = input_shape(spec, size=subject.image_size)
            counted[subject] = count_model(spec, shape, cache=cache).cost
        return counted[subject]

    return count
