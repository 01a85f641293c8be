"""A sweep on this machine: one case after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace

from sebench.errors import Interrupted, SebenchError
from sebench.profilers.environment import renewed_environment
from sebench.runner.counting.counter import Counter
from sebench.runner.counting.pair import count_pair, require_memory
from sebench.runner.measuring.context import RunContext
from sebench.runner.progress import Progress
from sebench.runner.sweeping.estimate import Estimate
from sebench.runner.sweeping.execution import CANNOT_BE_MEANT, Ran, failed, plan_case, run_case, skipped
from sebench.runner.workers.child import time_limit
from sebench.schema import Plan, Session, telling_words
from sebench.schema.sweep import Case

_ENDLESS_BYTES = 2**62


class LocalExecutor:
    """Runs cases one after the other, so that nothing of the sweep runs beside a measurement.

    What cannot be meant here is skipped first of all. Then the networks of all others are counted, so that no
    case waits for that or has to import anything for it; what cannot be built has failed by then.

    Args:
        context: what measuring needs; its observer is told where the whole sweep stands.
        estimate: of the cases, by which that is known.
        counting: called before networks are counted, which may take a while.
    """

    def __init__(
        self, context: RunContext, estimate: Estimate, counting: Callable[[], None] = lambda: None
    ) -> None:
        self._context, self._estimate, self._counting = context, estimate, counting

    def __call__(self, cases: Sequence[Case]) -> Iterator[Ran]:
        """Run them; see `Executor`."""
        plans: dict[Case, Plan] = {}
        # Before torch is imported to count: it may bind this process to one of the cores.
        environment = self._context.host.capture_environment()
        for case in cases:
            try:
                plans[case] = plan_case(case)
            except CANNOT_BE_MEANT as error:
                yield skipped(case, error)
        if not plans:
            return
        with self._context.counter() as counter:
            self._counting()
            for case, plan in tuple(plans.items()):
                if (ran := _count_case(case, plan.sessions[0], counter)) is not None:
                    del plans[case]
                    yield ran
            _end_workers(counter)
            host = replace(
                self._context.host,
                open_counter=lambda *_: nullcontext(counter),
                capture_environment=lambda: renewed_environment(environment),
            )
            position = _Position(self._context, self._estimate, plans)
            for case, plan in plans.items():
                observed = replace(self._context, host=host, observer=position.observer_of(case))
                ran = run_case(case, observed, plan)
                _end_workers(counter)
                position.is_over(ran)
                yield ran


def count_ahead(sessions: Iterable[Session], counter: Counter) -> None:
    """Count all that measuring sessions will ask for; what cannot be counted says so when it is measured."""
    for session in sessions:
        with suppress(SebenchError):
            _count(session, counter)


def _count(session: Session, counter: Counter) -> None:
    count_pair(session, counter)
    require_memory(session, {"available_bytes": _ENDLESS_BYTES}, counter)


def _count_case(case: Case, session: Session, counter: Counter) -> Ran | None:
    """Count what a case will ask for, within its time limit; a case that fails at that would fail again."""
    started_s = time.monotonic()
    try:
        with time_limit(case.timeout_s):
            _count(session, counter)
    except Interrupted:
        raise
    except SebenchError as error:
        return failed(case, str(error), started_s)
    return None


def _end_workers(counter: Counter) -> None:
    """Nothing of the counter runs on; how code of others ends its process is no matter of another case."""
    with suppress(SebenchError):
        counter.close()


def titles(plans: Mapping[Case, Plan]) -> dict[Case, str]:
    """What tells cases apart, e.g. ``resnet50: se against plain, batch 8``."""
    sessions = {case: plan.sessions[0] for case, plan in plans.items()}
    workloads = [session.workload for session in sessions.values()]
    words = {case: telling_words(session.workload, workloads) for case, session in sessions.items()}
    # The shape of an input differs with the batch, the image in it need not.
    common = set.intersection(*map(set, words.values())) if words else set()
    return {
        case: ", ".join((session.pair.title, *(word for word in words[case] if word not in common)))
        for case, session in sessions.items()
    }


class _Position:
    """Turns where a case stands into where the sweep stands."""

    def __init__(self, context: RunContext, estimate: Estimate, plans: Mapping[Case, Plan]) -> None:
        self._observer, self._estimate = context.observer, estimate
        self._titles, self._left = titles(plans), list(plans)
        self._count, self._started_s = len(plans), time.monotonic()

    def observer_of(self, case: Case) -> Callable[[Progress], None]:
        """What is told about one case."""
        index, title = self._count - len(self._left), self._titles[case]
        whole_s = self._estimate.case_s(case)
        rest_s = self._estimate.whole_s(self._left[1:])
        begun_s = time.monotonic()

        def observe(progress: Progress) -> None:
            now_s = time.monotonic()
            known = progress.stage == "measuring" and progress.left_s is not None
            left_s = progress.left_s if known else max(whole_s - (now_s - begun_s), 0.0)
            self._observer(
                replace(
                    progress,
                    title=title,
                    session=index,
                    sessions=self._count,
                    elapsed_s=now_s - self._started_s,
                    left_s=rest_s + (left_s or 0.0),
                    aim_s=None,
                )
            )

        return observe

    def is_over(self, ran: Ran) -> None:
        """Take note of a case that has ended."""
        self._left.pop(0)
        self._estimate.learn(ran.outcome)
