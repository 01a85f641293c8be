"""What a measurement needs besides its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial

from sebench.profilers.environment import capture_environment
from sebench.profilers.findings import findings_for
from sebench.profilers.probes import Probe, read_probe
from sebench.runner.counting.counter import Counter
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.exporting import Exporter
from sebench.runner.progress import Observer, unobserved
from sebench.runner.repository.worktree import Trees
from sebench.runner.workers.loading import LoadedWorkers
from sebench.runner.workers.session import WORKER_COMMAND, Load, OpenWorker, load_none
from sebench.runner.workers.side_by_side import SideBySide, SideDevice
from sebench.schema import Environment, Finding, ModelSpec
from sebench.store import CountCache, ResultStore


@dataclass(frozen=True, kw_only=True)
class Host:
    """The machine as the runner sees it. A test passes one whose answers it chooses."""

    command: Sequence[str] = WORKER_COMMAND
    """Starts a worker."""
    capture_environment: Callable[[], Environment] = capture_environment
    findings_for: Callable[..., tuple[Finding, ...]] = findings_for
    read_probe: Callable[[], Probe] = read_probe
    side_device: Callable[[], SideDevice] = SideDevice
    """Times the workers of two trees in turn."""
    open_counter: Callable[[CountCache | None, Trees, Sequence[str]], AbstractContextManager[Counter]] = (
        Counter
    )


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What is the same for every plan that a command measures."""

    cache: CountCache | None = None
    """Of static counts; None counts afresh."""
    calibrations: Calibrations | None = None
    """Where the noise of this machine is looked up."""
    results: ResultStore | None = None
    """Of earlier runs, which tell one of a single process how much others differ."""
    trees: Trees = field(default_factory=dict)
    """Working directories of the commits that specs name."""
    argv: Sequence[str] = ()
    """Recorded in the results."""
    observer: Observer = unobserved
    """Told about every step; what it raises ends the measurement."""
    host: Host = field(default_factory=Host)
    exporter: Exporter | None = None
    """Of a command that measures several plans, so that what they have in common is exported once."""

    def counter(self) -> AbstractContextManager[Counter]:
        """Counts the networks of a plan, in a with-statement."""
        return self.host.open_counter(self.cache, self.trees, self.host.command)

    def usual_candidate(self, spec: ModelSpec, shape: tuple[int, ...]) -> str:
        """The variant that a network is compared with its plain self as, where nobody names one.

        Raises:
            SebenchError: the network cannot be built or counted.
        """
        with self.counter() as counter:
            return counter.usual_candidate(spec, shape)

    @contextmanager
    def workers(self) -> Iterator[tuple[OpenWorker, Load]]:
        """How the worker of a pair is opened, and how several are loaded before, in a with-statement.

        It is one process, or one for each side where these have trees; those two load side by side anyhow.
        """
        host = self.host
        if self.trees:
            yield (
                partial(
                    SideBySide,
                    trees=self.trees,
                    command=host.command,
                    side_device=host.side_device,
                    read_probe=host.read_probe,
                ),
                load_none,
            )
            return
        with LoadedWorkers(host.command) as workers:
            yield workers, workers.load
