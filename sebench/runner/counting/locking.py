"""Locks of networks by name: counted twice in two processes, and checked against what is counted now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from msgspec.structs import asdict, replace

from sebench import models
from sebench.analysis import lock_check
from sebench.analysis.lock import count_entry, lock_changes, make_lock
from sebench.errors import DeterminismError, WorkerError
from sebench.runner.counting.counter import Counter
from sebench.runner.planning.inputs import batch_of
from sebench.runner.planning.inputs import input_shape as shape_of
from sebench.runner.planning.pairs import resolve_spec
from sebench.runner.workers.session import WORKER_COMMAND, WorkerFailed, WorkerSession, expect
from sebench.schema import (
    NO_OPTIONS,
    Check,
    Finding,
    Lock,
    LockedNetwork,
    LockEntry,
    ModelSpec,
    NetworkOptions,
    network_options,
)
from sebench.store import CountCache
from sebench.worker.protocol import Locked, LockRequest

_TIMEOUT_S = 900.0


def torch_minor() -> str:
    """The installed torch's minor version, e.g. ``2.15``; does not import it."""
    return ".".join(version("torch").split(".")[:2])


def locked_networks(
    names: Sequence[str],
    variants: Sequence[str],
    *,
    usual: Sequence[str] = ("se",),
    image_size: models.ImageSize | None = None,
    input_shape: tuple[int, ...] | None = None,
    options: NetworkOptions = NO_OPTIONS,
) -> tuple[LockedNetwork, ...]:
    """Every model, plain and in every variant, at one image.

    Args:
        names: of models.
        variants: beside the plain one.
        usual: the variants of native networks where none are said; those of others are locked as built then.
        image_size: of the input; None is each network's own.
        input_shape: of the input, batch in front; None leaves it to the networks.
        options: that the networks are built with; weights are of no matter.

    Raises:
        UsageError: a name, variant or number that cannot be meant.
    """
    batch = batch_of(input_shape, None) or 1

    def specs(name: str) -> Iterator[ModelSpec]:
        own = models.source_of(name).own_variant
        said = variants or (usual if own == models.PLAIN else ())
        for variant in (models.PLAIN, *said) if said else (own,):
            yield resolve_spec(name, variant, options, own_inputs=image_size is None and input_shape is None)

    networks = (
        LockedNetwork(
            model=spec.model,
            variant=spec.variant,
            input_shape=shape_of(spec, batch, size=image_size, shape=input_shape),
            **asdict(replace(network_options(spec), weights=None)),
        )
        for name in names
        for spec in specs(name)
    )
    return tuple(dict.fromkeys(networks))


def count_lock(
    networks: Sequence[LockedNetwork], *, command: Sequence[str] = WORKER_COMMAND
) -> tuple[Lock, tuple[Finding, ...]]:
    """Count networks in two processes, without the cache of earlier counts.

    The second process hashes with another seed and lays out its memory anew, so that a figure that depends on
    the order of a set, on an identity or on random numbers comes out differently.

    Args:
        networks: what to count.
        command: how the second process is started.

    Returns:
        The lock, and findings on what could not be counted.

    Raises:
        SebenchError: a network cannot be built or counted.
        DeterminismError: the two counts differ.
        WorkerError: one of the processes died.
    """
    torch = torch_minor()
    request = LockRequest(networks=tuple(networks), torch=torch)
    # It counts while the first one does.
    with (
        WorkerSession(
            request, command=command, environ={"PYTHONHASHSEED": "random"}, timeout_s=_TIMEOUT_S
        ) as second,
        Counter(None) as count,
    ):
        counted = [count_entry(network, count, torch) for network in networks]
        count.close()
        first = make_lock(each.entry for each in counted)
        repeated = make_lock(_entries(second))
    _require_equal(first, repeated)
    findings = tuple(
        _not_counted_in_training(each.entry, each.untrainable) for each in counted if each.untrainable
    )
    return first, findings


def check_lock(lock: Lock, *, cache: CountCache | None) -> tuple[Check, ...]:
    """The checks of a lock, with the time they took; see `sebench.analysis.lock_check.check_lock`.

    Args:
        lock: what is expected; it is the other count, so each network is counted once.
        cache: of earlier counts of native networks; None counts afresh.
    """
    torch = torch_minor()

    def timed(entry: LockEntry) -> Iterator[Check]:
        begun_s = time.monotonic()
        checks = lock_check.check_entry(lock, entry, count, torch=torch)
        each_s = (time.monotonic() - begun_s) / len(checks)
        return (replace(check, duration_s=each_s) for check in checks)

    with Counter(cache) as count:
        return tuple(check for entry in lock.entries for check in timed(entry))


def _entries(worker: WorkerSession) -> tuple[LockEntry, ...]:
    try:
        return expect(worker, Locked).entries
    except WorkerFailed as error:
        raise WorkerError(f"the second count failed: {error}") from error


def _require_equal(first: Lock, second: Lock) -> None:
    for change in lock_changes(first, second):
        what = change.metric or change.change
        raise DeterminismError(
            f"{change.network.model} {change.network.variant} is counted differently by two processes: "
            f"{what}{f' of {change.op}' if change.op else ''} {change.before} and {change.after}",
            hint="make its factory build the same network every time",
        )


def _not_counted_in_training(entry: LockEntry, reason: str | None) -> Finding:
    return Finding(
        code="lock-no-saved-bytes",
        severity="warning",
        message=f"{entry.model} {entry.variant}: no saved bytes: {reason}",
        hint="they are locked as unknown, everything else as counted",
    )
