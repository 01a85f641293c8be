"""From settings, of a file or of the command line, to what a gate measures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from sebench import models
from sebench.analysis.unjudged import Unjudged, error_reason, same_code
from sebench.configuration import (
    BaseRefSettings,
    CaseSettings,
    CeilingSettings,
    CheckSettings,
    FactoriesSettings,
    RatioLimits,
    StoredSettings,
)
from sebench.errors import DataFileError, DeviceError, UsageError
from sebench.profilers.selection import resolve_device
from sebench.runner.gate.refusals import require_inside, require_open, require_two
from sebench.runner.gate.target import Target
from sebench.runner.planning.files import as_files_ask
from sebench.runner.planning.pairs import UsualCandidate, known_candidate, make_pairs, resolve_spec
from sebench.runner.planning.plan import item_shape, require_one_device, shape_said
from sebench.runner.planning.workloads import on_this_machine, says_input, workloads
from sebench.runner.repository.tree_state import is_this_tree
from sebench.runner.repository.worktree import Checkout, Trees, checked_out
from sebench.schema import (
    METRICS,
    CheckKind,
    Measurement,
    Pair,
    Phase,
    Reason,
    Session,
    WorkloadRequest,
)
from sebench.store import load_result


@dataclass(frozen=True)
class Targets:
    """What is measured, and where commits are checked out meanwhile."""

    targets: tuple[Target | Unjudged, ...]
    trees: Trees = field(default_factory=dict)


@contextmanager
def open_targets(
    settings: CheckSettings,
    *,
    resolve: Callable[[str], Path] = Path,
    written: Collection[Path] = (),
    usual_candidate: UsualCandidate = known_candidate,
) -> Iterator[Targets]:
    """All targets of the settings; the trees of base refs exist within the block.

    Args:
        settings: what to check.
        resolve: makes paths of paths in the settings.
        written: files and folders that the command itself writes, which are no code.
        usual_candidate: the variant that a network is compared with its plain self as where none is said.

    Raises:
        UsageError: a model, variant, ref or combination that cannot be meant.
        DataFileError: a ref that git cannot check out.
    """
    with ExitStack() as stack:
        refs = dict.fromkeys(base.ref for base in settings.base_ref)
        checkouts = {ref: stack.enter_context(checked_out(ref)) for ref in refs}
        same = {ref: is_this_tree(checkout.commit, written=written) for ref, checkout in checkouts.items()}
        targets = (
            *(target for ceiling in settings.ceiling for target in _ceiling(ceiling, usual_candidate)),
            *(target for factories in settings.factories for target in _factories(factories)),
            *(
                target
                for base in settings.base_ref
                for target in _base_ref(base, checkouts[base.ref], same=same[base.ref])
            ),
            *(target for stored in settings.stored for target in _stored(stored, resolve)),
        )
        yield Targets(targets, {checkout.commit: checkout.directory for checkout in checkouts.values()})


def _ceiling(asked: CeilingSettings, usual_candidate: UsualCandidate) -> Iterator[Target | Unjudged]:
    variants = [] if asked.variant is None else [asked.variant]
    (pair,) = make_pairs(
        [asked.model],
        variants,
        asked.baseline,
        options=asked.network,
        own_inputs=not says_input(asked),
        usual_candidate=lambda spec: usual_candidate(spec, shape_said(spec, asked)),
    )
    require_two(pair, "name a --variant other than the baseline, or two networks: --baseline, --candidate")
    require_open(pair, asked.max_overhead)
    labels = (pair.baseline.variant, pair.candidate.variant)
    yield from _targets("ceiling", pair, labels, asked.max_overhead, asked)


def _factories(asked: FactoriesSettings) -> Iterator[Target | Unjudged]:
    (pair,) = make_pairs(
        [],
        [],
        asked.baseline,
        asked.candidate,
        options=asked.network,
        own_inputs=not says_input(asked),
    )
    require_two(pair, "name two networks, or compare one with a git ref: --base-ref")
    yield from _targets("factories", pair, (asked.baseline, asked.candidate), asked.margin, asked)


def _base_ref(asked: BaseRefSettings, checkout: Checkout, *, same: bool) -> Iterator[Target | Unjudged]:
    if not models.source_of(asked.model).is_users_own:
        raise UsageError(
            f"--base-ref {asked.ref}: {asked.model} is not code of this repository",
            hint="name a factory of yours (nets.py:net), or set a ceiling (--max-overhead)",
        )
    require_inside(asked)
    if any(METRICS[metric].source == "energy" for metric in asked.margin):
        raise UsageError(
            "energy cannot be checked against a git ref: both sides must be read in one process",
            hint="compare two factories (--baseline, --candidate)",
        )
    own = models.source_of(asked.model).own_variant
    head = resolve_spec(asked.model, own, asked.network, own_inputs=not says_input(asked))
    base = replace(head, commit=checkout.commit)
    labels = (checkout.label, "this tree")
    if same:
        yield _unjudged("base-ref", asked.model, labels, asked.margin, same_code(checkout.label))
        return
    yield from _targets("base-ref", Pair(baseline=base, candidate=head), labels, asked.margin, asked)


def _targets(
    kind: CheckKind, pair: Pair, labels: tuple[str, str], limits: RatioLimits, asked: CaseSettings
) -> Iterator[Target | Unjudged]:
    """One target per phase that the limits need; a device that is not there leaves them unjudged."""
    try:
        yield from _on_device(kind, pair, labels, limits, asked)
    except DeviceError as error:
        yield _unjudged(kind, pair.candidate.model, labels, limits, error_reason(error))


def _unjudged(
    kind: CheckKind, model: str, labels: tuple[str, str], limits: RatioLimits, reason: Reason
) -> Unjudged:
    baseline, candidate = labels
    return Unjudged(
        kind=kind,
        model=model,
        baseline=baseline,
        candidate=candidate,
        limits=tuple(limits.items()),
        reason=reason,
    )


def _on_device(
    kind: CheckKind, pair: Pair, labels: tuple[str, str], limits: RatioLimits, asked: WorkloadRequest
) -> Iterator[Target]:
    request = as_files_ask(on_this_machine(asked), pair)
    has_file = any(models.exported_file(spec.model) for spec in (pair.baseline, pair.candidate))
    item = item_shape(pair, request) if has_file else shape_said(pair.candidate, request)[1:]
    by_phase: dict[Phase, list[tuple[str, float]]] = {}
    for metric, limit in limits.items():
        by_phase.setdefault(asked.phase or _phase_of(metric, request.device), []).append((metric, limit))
    for phase, of_phase in by_phase.items():
        for workload in workloads(replace(request, phase=phase), item):
            session = Session(pair=pair, workload=workload)
            if "energy" in limits:
                require_one_device([workload], f"limit energy:{limits['energy']:g}")
            yield Target(
                kind=kind,
                session=session,
                limits=tuple(of_phase),
                baseline=labels[0],
                candidate=labels[1],
            )


def _phase_of(metric: str, device: str | None) -> Phase:
    """What a metric is measured in where nobody says: as `sebench compare` does it."""
    return METRICS[metric].phases[0] if device == "cpu" else "training"


def _stored(asked: StoredSettings, resolve: Callable[[str], Path]) -> Iterator[Target | Unjudged]:
    try:
        yield from _readable(asked, resolve)
    except (DataFileError, DeviceError) as error:
        labels = (asked.result, "now")
        yield _unjudged("stored", asked.result, labels, asked.margin, error_reason(error))


def _readable(asked: StoredSettings, resolve: Callable[[str], Path]) -> Iterator[Target]:
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
