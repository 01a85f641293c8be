"""The papers' tables: counts what each needs, and finds what has been measured."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from sebench.analysis.comparison import compare
from sebench.errors import DataFileError, raise_it
from sebench.paper.figures import published_figures
from sebench.paper.quotation import latency_metric
from sebench.paper.tables import ablations, imagenet, tasks
from sebench.paper.tables.architecture import MODELS, table1
from sebench.paper.tables.section4 import Measured, section4
from sebench.paper.tables.sheet import Builder, Sheet
from sebench.paper.tables.values import PaperTable
from sebench.runner.counting.architecture import stage_architectures
from sebench.runner.counting.auditing import counter, known_models
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import make_plan
from sebench.runner.planning.workloads import on_this_machine
from sebench.schema import (
    NetworkOptions,
    Pair,
    Result,
    ResultSummary,
    WorkloadRequest,
    network_options,
)
from sebench.store import CountCache, ResultStore, check_directory, load_result

_BUILDERS: Mapping[str, Builder] = {
    "2": imagenet.table2,
    "3": imagenet.table3,
    "7": imagenet.table7,
    "squeeze": ablations.squeeze,
    "excitation": ablations.excitation,
    "stages": ablations.stages,
    "placement": ablations.placement,
    "nosqueeze": ablations.nosqueeze,
    "cifar": tasks.cifar,
    "places": tasks.places,
    "detection": tasks.detection,
}


def build_tables(
    names: tuple[str, ...],
    *,
    cache: CountCache | None,
    results: Path | None = None,
    measured: Sequence[Result] = (),
) -> tuple[PaperTable, ...]:
    """The tables of these names, recomputed.

    Args:
        names: as in `sebench.paper.tables.registry`.
        cache: of earlier counts; None counts afresh.
        results: a directory of stored results, for the times of Section 4.
        measured: further results, stored or not.

    Raises:
        DataFileError: the installed figures are missing or damaged.
    """
    sheet = Sheet(published_figures(), counter(cache), known_models())
    builders: dict[str, Builder] = {
        **_BUILDERS,
        "1": _table1,
        "section4": partial(_section4, results=results, measured=measured),
    }
    return tuple(builders[name](sheet) for name in names)


def _table1(sheet: Sheet) -> PaperTable:
    return table1(sheet, [stage_architectures(model, variant) for _, model, variant in MODELS])


def _section4(sheet: Sheet, *, results: Path | None, measured: Sequence[Result]) -> PaperTable:
    stored = newest_measured(results, measured)
    return section4(sheet, cpu=stored.get("cpu_inference_latency"), gpu=stored.get("gpu_training_latency"))


def measure_section4(
    directory: Path,
    context: RunContext,
    *,
    not_stored: Callable[[DataFileError], None] = raise_it,
) -> tuple[Result, ...]:
    """Time single-image inference of ResNet-50 and SE-ResNet-50 in one process, and store the result.

    Args:
        directory: where results are kept.
        context: what the measurement needs.
        not_stored: told that the result could not be kept.

    Returns:
        What was measured.

    Raises:
        SebenchError: as `sebench.runner.measuring.run.run`.
    """
    check_directory(directory)
    plan = make_plan(
        names=["resnet50"],
        variants=["se"],
        baseline="plain",
        workload=on_this_machine(WorkloadRequest(device="cpu")),
        seed=secrets.randbits(31),
        effort="quick",
    )
    store, measured = ResultStore(directory), []
    for result in run(plan, context):
        measured.append(result)
        try:
            if result.has_samples:
                store.add(result)
        except DataFileError as error:
            not_stored(error)
    return tuple(measured)


def newest_measured(directory: Path | None, further: Iterable[Result] = ()) -> Mapping[str, Measured]:
    """The newest ratio of ResNet-50 and SE-ResNet-50 for each of the paper's two timings.

    Args:
        directory: of stored results.
        further: results, stored or not.
    """
    found: dict[str, Measured] = {}
    stored = _readable(directory) if directory else ()
    asked_for = (result for result in further if _is_the_papers(result.pair))
    for result in chain(stored, asked_for):
        found |= _measured(result, {name: m.measured_at for name, m in found.items()})
    return found


def _readable(directory: Path) -> Iterator[Result]:
    """The stored results of the pair; what cannot be read is passed over: the table does not depend on it."""
    summaries: tuple[ResultSummary, ...] = ()
    with contextlib.suppress(DataFileError):
        summaries = ResultStore(directory).select(model="resnet50", variant="se")
    for summary in summaries:
        if _is_the_papers(summary.pair):
            with contextlib.suppress(DataFileError):
                yield load_result(Path(summary.path))


def _is_the_papers(pair: Pair) -> bool:
    networks = [
        (spec.model, spec.variant, network_options(spec) == NetworkOptions())
        for spec in (pair.baseline, pair.candidate)
    ]
    return networks == [("resnet50", variant, True) for variant in ("plain", "se")]


def _measured(result: Result, known: Mapping[str, str]) -> dict[str, Measured]:
    """What one result adds: a ratio with an interval, newer than what is known."""
    return {
        name: Measured(metric=metric, machine=_machine(result), measured_at=result.created_at)
        for metric in compare(result).metrics
        if metric.metric == "latency" and metric.workload and metric.ratio.ci_low is not None
        if (name := latency_metric(metric.workload)) and result.created_at > known.get(name, "")
    }


def _machine(result: Result) -> str:
    device = result.environment.device.get("name") or result.environment.cpu.get("model") or "unknown machine"
    return f"{device}, torch {result.environment.versions.get('torch')}"
