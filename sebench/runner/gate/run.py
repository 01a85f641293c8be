"""A whole gate: the lock, then everything that has to be measured, then one verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sebench.analysis.gate import gate_status
from sebench.analysis.unjudged import without_free_passes
from sebench.configuration import Configuration
from sebench.errors import DataFileError, raise_it
from sebench.lockfile import load_lock
from sebench.runner.counting.locking import check_lock
from sebench.runner.gate.earlier import Attempts
from sebench.runner.gate.sampled import check
from sebench.runner.gate.target_run import Settings
from sebench.runner.gate.targets import open_targets
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.planning.plan import drawn_seed, timing_policy
from sebench.runner.progress import Observer
from sebench.schema import Check, Gate
from sebench.store import CountCache


def run_gate(
    configuration: Configuration,
    *,
    lock_file: Path | None,
    seed: int | None,
    cache: CountCache | None,
    attempts: Attempts | None,
    calibrations: Calibrations | None,
    observer: Observer,
    argv: Sequence[str],
    written: Collection[Path] = (),
    not_stored: Callable[[DataFileError], None] = raise_it,
) -> Gate:
    """Check everything that the settings name.

    A network that one side lacks, or that does not run, is a check that is not comparable; the others are
    judged all the same.

    Args:
        configuration: what to check, with which limits and effort.
        lock_file: exact costs to compare with; None leaves them out.
        seed: fixes weights, orders and pauses; None draws one.
        cache: of static counts.
        attempts: samples of earlier invocations.
        calibrations: the noise of this machine.
        observer: told about every step.
        argv: recorded in the results.
        written: files and folders that the command itself writes, which are no code under test.
        not_stored: told that samples could not be kept among the attempts.

    Raises:
        UsageError: settings that cannot be meant, or a margin below the noise floor.
        SebenchError: the lock, a ref or the samples of earlier attempts are not as they should be.
    """
    started_at, begun_s = datetime.now(UTC), time.monotonic()
    settings = configuration.check
    policy = timing_policy(settings.effort or "standard", budget_s=settings.budget)
    on_inconclusive = settings.on_inconclusive or "fail"
    # What cannot be meant is refused before anything is counted.
    with open_targets(settings, resolve=configuration.resolve, written=written) as opened:
        locked = tuple(_locked(lock_file, cache))
        measured = check(
            opened.targets,
            Settings(
                policy=policy,
                seed=drawn_seed(seed),
                cache=cache,
                attempts=attempts,
                calibrations=calibrations,
                trees=opened.trees,
                argv=argv,
                observer=observer,
                written=written,
                not_stored=not_stored,
            ),
        )
    checks = (*locked, *without_free_passes(measured, on_inconclusive))
    return Gate(
        status=gate_status(checks),
        checks=checks,
        on_inconclusive=on_inconclusive,
        started_at=started_at.isoformat(timespec="milliseconds"),
        duration_s=time.monotonic() - begun_s,
    )


def _locked(lock_file: Path | None, cache: CountCache | None) -> Iterator[Check]:
    if lock_file is None:
        return
    if not lock_file.exists():
        raise DataFileError(f"there is no lock file {lock_file}", hint="write it with `sebench lock`")
    yield from check_lock(load_lock(lock_file), cache=cache)
