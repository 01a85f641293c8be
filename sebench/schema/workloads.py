"""What the catalogue of options says about one workload, or about what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec import NODEFAULT
from msgspec.structs import asdict

from sebench.schema.options import ASKED_OPTIONS, COLUMN_OPTIONS, WORKLOAD_OPTIONS, Fact, WorkloadOption
from sebench.schema.request import Workload, WorkloadRequest


def workload_values(workload: Workload | None) -> tuple[Fact, ...]:
    """One value per column; None throughout where there is no workload."""
    options = COLUMN_OPTIONS.values()
    return tuple(None if workload is None else option.value(workload) for option in options)


def said(request: WorkloadRequest) -> Iterator[tuple[WorkloadOption, object]]:
    """What was said, with its option, in the order of the catalogue."""
    for option in ASKED_OPTIONS:
        value = getattr(request, option.parameter)
        if value is not None:
            yield option, value


def allows(request: WorkloadRequest, workload: Workload) -> bool:
    """Whether a workload is in everything as was said."""
    return all(option.allows(value, workload) for option, value in said(request))


def workload_identity(
    workload: Workload, options: Sequence[WorkloadOption] = WORKLOAD_OPTIONS
) -> dict[str, object]:
    """What names and keys are made of; the same as ever for the same workload.

    Args:
        workload: what the name is for.
        options: the catalogue.

    Returns:
        Its fields by their names in the first stored files, in the order of those; what came later only
        where it is not as usual.
    """
    left_out = {
        option.field for option in options if option.former or (option.later and option.is_usual(workload))
    }
    return {name: value for name, value in asdict(workload).items() if name not in left_out}


def workload_words(workload: Workload, *, without: Collection[str] = ()) -> Iterator[str]:
    """What a title says: what is always stated, and whatever else is not as usual.

    Args:
        workload: what it is about.
        without: fields that are said elsewhere.
    """
    for option in WORKLOAD_OPTIONS:
        if option.field in without or (option.is_usual(workload) and not option.always):
            continue
        if words := option.words(workload):
            yield words


def unusual_words(workload: Workload) -> tuple[str, ...]:
    """What a sentence has to add to device, phase and batch: precision, runtime and the like."""
    left_out = [
        option.field for option in WORKLOAD_OPTIONS if option.usual is NODEFAULT or option.is_usual(workload)
    ]
    return tuple(workload_words(workload, without=left_out))
