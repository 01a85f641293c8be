"""Whether the paper's own figures are about what was measured."""

from __future__ import annotations

from sebench.errors import UnknownModelError
from sebench.models.sources import source_of
from sebench.schema import Result


def as_published(result: Result) -> bool:
    """Whether the paper's own figures are about this very network at this very input.

    They are not about a network that this version does not know.
    """
    spec, cost = result.pair.candidate, result.baseline_cost
    if result.pair.baseline == spec or spec.num_classes is not None or spec.stride_in is not None:
        return False
    source = source_of(spec.model)
    if cost is None or not source.has_published_figures:
        return False
    try:
        return cost.input_shape[-2:] == source.input_size(spec.model)[1:]
    except UnknownModelError:
        return False
