"""From what was measured of a pair to its `Result`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

import sebench
from sebench.analysis.calibration import noise
from sebench.errors import DataFileError
from sebench.runner.counting.pair import PairCosts
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.learning import learnt_spread
from sebench.runner.measuring.series import ProcessSeries
from sebench.schema import (
    OWN_FACTS,
    EnergyMeasurement,
    Environment,
    Finding,
    Measurement,
    MemoryMeasurement,
    Pair,
    Result,
    SavedForBackward,
    fingerprint,
)
from sebench.units import number_of


@dataclass(kw_only=True)
class ResultBuilder:
    """What is known of a pair so far; it can be made into a `Result` at any time."""

    pair: Pair
    seed: int
    environment: Environment
    """As captured before anything was measured."""
    costs: PairCosts
    series: list[ProcessSeries] = field(default_factory=list)
    memory: list[MemoryMeasurement] = field(default_factory=list)
    energy: list[EnergyMeasurement] = field(default_factory=list)
    saved: SavedForBackward | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def has_samples(self) -> bool:
        """Whether a block was measured."""
        return any(process.blocks for series in self.series for process in series.runs)

    def build(self, context: RunContext, *, interrupted: bool = False) -> Result:
        """The result of all that is known.

        Args:
            context: whose calibrations and command line it records.
            interrupted: add a finding that says so.
        """
        now = datetime.now(UTC)
        environment = _with_runtime(self.environment, self.series)
        measurements = tuple(
            _with_noise(series.measurement(), self.pair, environment, context) for series in self.series
        )
        findings: tuple[Finding, ...] = ()
        if measurements:  # before the first there is nothing that the machine could have disturbed
            busiest = max((m.workload for m in measurements), key=lambda w: w.threads * w.world_size)
            findings = context.host.findings_for(
                environment, threads=busiest.threads, ranks=busiest.world_size
            )
        return Result(
            id=_identifier(self.pair, now),
            created_at=now.isoformat(timespec="seconds"),
            sebench=sebench.__version__,
            command=tuple(context.argv),
            seed=self.seed,
            pair=self.pair,
            environment=replace(environment, findings=findings),
            baseline_cost=self.costs.costs.get("baseline"),
            candidate_cost=self.costs.costs.get("candidate"),
            not_counted=dict(self.costs.reasons),
            measurements=measurements,
            memory=tuple(self.memory),
            energy=tuple(self.energy),
            saved=self.saved,
            findings=(
                *((CAPTURED,) if any(cost.captured for cost in self.costs.costs.values()) else ()),
                *self.findings,
                *((_interruption(self.series),) if interrupted else ()),
            ),
        )


CAPTURED = Finding(
    code="captured",
    severity="warning",
    message="attention is no module of its own, so both networks run as graphs captured by torch.export",
    hint="the ratio is that of the graphs; the author's own code has other overheads",
)


def _interruption(series: Sequence[ProcessSeries]) -> Finding:
    """What there is of an interrupted measurement: whoever looks on may have stopped it where it suited."""
    measured = [run for each in series for run in each.runs if run.blocks and not run.error]
    blocks = number_of(sum(len(run.blocks) for run in measured), "block")
    processes = number_of(sum(each.planned_processes for each in series), "process")
    so_far = f"interrupted after {blocks} in {len(measured)} of {processes}"
    whole = bool(measured) and all(each.complete for each in series)
    if whole:
        message = f"{so_far}: what was to follow is missing"
    elif measured:
        message = f"{so_far}: how many was not fixed beforehand, so the interval is an interim one"
    else:
        message = "interrupted before the first block: only what is counted is known"
    return Finding(
        code="interrupted",
        severity="info" if whole else "warning",
        message=message,
        hint="run the command again for the full measurement",
    )


def _with_runtime(environment: Environment, series: Sequence[ProcessSeries]) -> Environment:
    """With what the latest worker said of torch and the accelerator; one that did not start says nothing."""
    runtime: dict[str, Any] = dict(next((each.runtime for each in reversed(series) if each.runtime), {}))
    own = {name: facts for each in series for name, facts in each.runtime.get(OWN_FACTS, {}).items()}
    if own:  # of every runtime, where there are several
        runtime[OWN_FACTS] = own
    return replace(environment, device=runtime.pop("device", {}), runtime=runtime)


def _with_noise(
    measurement: Measurement, pair: Pair, environment: Environment, context: RunContext
) -> Measurement:
    """With what is known of the variation between processes on this set-up: calibrated, else learnt."""
    # Two sides in processes of their own vary more than the two in one that were calibrated.
    apart = pair.baseline.commit != pair.candidate.commit
    if apart:
        return measurement
    found = _calibrated(measurement, pair, environment, context.calibrations)
    alone = sum(1 for run in found.processes if run.blocks and not run.error) == 1
    if context.results is None or found.sigma_process is not None or not alone:
        return found
    learnt = learnt_spread(context.results, fingerprint(environment), pair, found.workload)
    return replace(found, learnt_spread=learnt)


def _calibrated(
    measurement: Measurement, pair: Pair, environment: Environment, calibrations: Calibrations | None
) -> Measurement:
    if calibrations is None:
        return measurement
    try:
        known = calibrations.find(fingerprint(environment), pair.candidate, measurement.workload)
    except DataFileError as error:  # no reason to lose what was measured
        note = Finding(code="calibration-unreadable", severity="warning", message=str(error))
        return replace(measurement, findings=(*measurement.findings, note))
    return measurement if known is None else replace(measurement, sigma_process=noise(known).sigma_process)


def _identifier(pair: Pair, now: datetime) -> str:
    same = pair.baseline.model == pair.candidate.model
    words = (*((pair.model,) if same else ()), pair.baseline_name, pair.candidate_name)
    name = "-".join("".join(c if c.isalnum() else "_" for c in word).strip("_") for word in words)
    return f"{now:%Y%m%dT%H%M%S%fZ}-{name[:80]}-{secrets.token_hex(3)}"
