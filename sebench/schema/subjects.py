"""What findings are about, in words: of several measurements in one table each has to be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from sebench.schema.conclusions import Check, Comparison
from sebench.schema.measurements import Finding
from sebench.schema.options import WORKLOAD_OPTIONS
from sebench.schema.request import Workload

Subject = tuple[str, Sequence[Finding]]
"""A measurement as a reader calls it, and what was found of it."""


def telling_words(workload: Workload | None, among: Iterable[Workload | None]) -> tuple[str, ...]:
    """What tells a workload apart from others, e.g. ``("onnxruntime",)``; nothing where all are alike.

    Args:
        workload: one of them.
        among: all of them; None, where a figure has no workload, is passed over.
    """
    known = [each for each in among if each is not None]
    if workload is None:
        return ()
    differing = [
        option
        for option in WORKLOAD_OPTIONS
        if option.option and len({option.value(each) for each in known}) > 1
    ]
    fields = {option.field for option in differing}
    if "phase" in fields:  # said with the device
        differing = [option for option in WORKLOAD_OPTIONS if option in differing or option.field == "device"]
    return tuple(words for option in differing if (words := option.words(workload)))


def subject(comparison: Comparison, workload: Workload | None, *, alone: bool) -> str:
    """A measurement of a pair, e.g. ``resnet50 se, onnxruntime``; empty where there is no other.

    Args:
        comparison: of the pair.
        workload: of the measurement.
        alone: whether no other pair is shown.
    """
    words = telling_words(workload, (metric.workload for metric in comparison.metrics))
    return ", ".join((*(() if alone else (comparison.short_title,)), *words))


def subjects(comparisons: Sequence[Comparison]) -> Iterator[Subject]:
    """Every measurement of some pairs with its findings, those of the pair itself included."""
    alone = len(comparisons) == 1
    for comparison in comparisons:
        found: dict[str, list[Finding]] = {}
        for metric in comparison.metrics:
            name = subject(comparison, metric.workload, alone=alone)
            if metric.workload is not None or metric.findings:
                found.setdefault(name, [*comparison.findings]).extend(metric.findings)
        yield from found.items() or [(subject(comparison, None, alone=alone), comparison.findings)]


def subjects_of_checks(checks: Sequence[Check]) -> Iterator[Subject]:
    """The measurements behind the checks of a gate; checks on one measurement have the same findings."""
    for check in checks:
        alike = (each for each in checks if (each.model, each.candidate) == (check.model, check.candidate))
        words = telling_words(check.workload, (each.workload for each in alike))
        names = (check.model, "" if check.candidate == check.model else check.candidate)
        yield ", ".join((" ".join(filter(None, names)), *words)), check.findings


def attributed(found: Iterable[Subject]) -> tuple[Finding, ...]:
    """Findings, each once; the message begins with what it is about, unless that is everything there is."""
    found = list(found)
    everything = dict.fromkeys(name for name, _ in found)
    about: dict[Finding, dict[str, None]] = {}
    for name, findings in found:
        for finding in findings:
            about.setdefault(finding, {})[name] = None
    return tuple(
        finding
        if len(names) == len(everything)
        else replace(finding, message=f"{' and '.join(names)}: {finding.message}")
        for finding, names in about.items()
    )
