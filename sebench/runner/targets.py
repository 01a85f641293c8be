"""From settings, of a file or of the command line, to what a gate measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from sebench import models
from sebench.configuration import (
    BaseRefSettings,
    CeilingSettings,
    CheckSettings,
    FactoriesSettings,
    StoredSettings,
    WorkloadSettings,
)
from sebench.errors import UsageError
from sebench.profilers.selection import resolve_device
from sebench.runner.conditions import conditions_here, workloads
from sebench.runner.pairs import make_pairs, resolve_spec
from sebench.runner.plan import input_shape
from sebench.runner.side_by_side import Trees
from sebench.runner.target_run import Target
from sebench.runner.worktree import Checkout, checked_out, repository_root
from sebench.schema import CheckKind, LimitMetric, Measurement, ModelSpec, Pair, Phase, Session
from sebench.store import load_result

TRAINING_ONLY = frozenset({"peak_memory", "saved_bytes", "forward_latency", "backward_latency"})
Limits = Mapping[LimitMetric, float]


@dataclass(frozen=True)
class Targets:
    """What is measured, and where commits are checked out meanwhile."""

    targets: tuple[Target, ...]
    trees: Trees = field(default_factory=dict)


@contextmanager
def open_targets(settings: CheckSettings, *, resolve: Callable[[str], Path] = Path) -> Iterator[Targets]:
    """All targets of the settings; the trees of base refs exist within the block.

    Args:
        settings: what to check.
        resolve: makes paths of paths in the settings.

    Raises:
        UsageError: a model, variant, ref or combination that cannot be meant.
        DataFileError: a stored result that cannot be read.
        DeviceError: a device that is not there.
    """
    with ExitStack() as stack:
        refs = dict.fromkeys(base.ref for base in settings.base_ref)
        checkouts = {ref: stack.enter_context(checked_out(ref)) for ref in refs}
        targets = (
            *(target for ceiling in settings.ceiling for target in _ceiling(ceiling)),
            *(target for factories in settings.factories for target in _factories(factories)),
            *(target for base in settings.base_ref for target in _base_ref(base, checkouts[base.ref])),
            *(target for stored in settings.stored for target in _stored(stored, resolve)),
        )
        yield Targets(targets, {checkout.commit: checkout.directory for checkout in checkouts.values()})


def _ceiling(asked: CeilingSettings) -> Iterator[Target]:
    (pair,) = make_pairs([asked.model], [asked.variant], asked.baseline)
    _require_two(pair, "name a --variant other than the baseline, or two networks: --baseline, --candidate")
    labels = (pair.baseline.variant, pair.candidate.variant)
    yield from _targets("ceiling", pair, labels, asked.max_overhead, asked)


def _factories(asked: FactoriesSettings) -> Iterator[Target]:
    (pair,) = make_pairs([], [], asked.baseline, asked.candidate)
    _require_two(pair, "name two networks, or hold one against a git ref: --base-ref")
    yield from _targets("factories", pair, (asked.baseline, asked.candidate), asked.margin, asked)


def _require_two(pair: Pair, hint: str) -> None:
    if pair.baseline == pair.candidate:
        raise UsageError(
            f"{pair.baseline.model} {pair.baseline.variant} against itself is a gate that cannot fail",
            hint=hint,
        )


def _base_ref(asked: BaseRefSettings, checkout: Checkout) -> Iterator[Target]:
    if not models.is_users_own(asked.model):
        raise UsageError(
            f"--base-ref {asked.ref}: {asked.model} is not code of this repository",
            hint="name a factory of yours (nets.py:net), or set a ceiling (--max-overhead)",
        )
    _require_inside(asked)
    if "energy" in asked.margin:
        raise UsageError(
            "energy cannot be held against a ref: both sides have to be read in one process",
            hint="compare two factories (--baseline, --candidate)",
        )
    head = resolve_spec(asked.model, "plain")
    base = ModelSpec(model=head.model, variant=head.variant, commit=checkout.commit)
    labels = (checkout.label, "this tree")
    yield from _targets("base-ref", Pair(baseline=base, candidate=head), labels, asked.margin, asked)


def _require_inside(asked: BaseRefSettings) -> None:
    """A file is named relative to the current directory, which is there at the other commit, too.

    Raises:
        UsageError: an absolute path, or one out of the repository.
    """
    source = Path(asked.model.rpartition(":")[0])
    if source.suffix != ".py":
        return
    if source.is_absolute() or not source.resolve().is_relative_to(repository_root(Path.cwd())):
        raise UsageError(
            f"--base-ref {asked.ref}: {source} would be the same file at every commit",
            hint="name a file of this repository by its relative path",
        )


def _targets(
    kind: CheckKind, pair: Pair, labels: tuple[str, str], limits: Limits, asked: WorkloadSettings
) -> Iterator[Target]:
    """One target per phase that the limits need."""
    conditions = conditions_here(
        device=asked.device or "auto",
        phase=asked.phase,
        batch_size=asked.batch_size,
        dtype=asked.dtype or "float32",
        memory_format=asked.memory_format or "contiguous",
        threads=asked.threads,
        execution=asked.execution or "eager",
    )
    image = input_shape(pair.candidate.model, 1, asked.pixels)[1:]
    by_phase: dict[Phase, list[tuple[str, float]]] = {}
    for metric, limit in limits.items():
        by_phase.setdefault(asked.phase or _phase_of(metric, conditions.device), []).append((metric, limit))
    for phase, of_phase in by_phase.items():
        for workload in workloads(replace(conditions, phase=phase), image):
            yield Target(
                kind=kind,
                session=Session(pair=pair, workload=workload),
                limits=tuple(of_phase),
                baseline=labels[0],
                candidate=labels[1],
            )


def _phase_of(metric: str, device: str) -> Phase:
    """What a metric is measured in where nobody says: as `sebench compare` does it."""
    return "training" if metric in TRAINING_ONLY or device != "cpu" else "inference"


def _stored(asked: StoredSettings, resolve: Callable[[str], Path]) -> Iterator[Target]:
    path = resolve(asked.result)
    result = load_result(path)
    if result.pair.baseline.commit or result.pair.candidate.commit:
        raise UsageError(f"{path} compares two commits, which are no baseline", hint="use --base-ref")
    limits = tuple(asked.margin.items())
    for measurement in _gated(result.measurements):
        resolve_device(measurement.workload.device)
        yield Target(
            kind="stored",
            session=Session(pair=result.pair, workload=measurement.workload),
            limits=limits,
            baseline=asked.result,
            candidate=result.pair.candidate.variant,
            stored=result,
        )


def _gated(measurements: Sequence[Measurement]) -> Sequence[Measurement]:
    """Those with samples; none is as good as no result."""
    found = [each for each in measurements if any(run.blocks for run in each.processes)]
    if not found:
        raise UsageError("the stored result has no samples to compare with", hint="measure it again")
    return found
