"""A double for Ray as its driver uses it: nodes, actors and their answers are chosen, and nothing waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

PENDING = object()
"""An answer that does not come."""


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class GetTimeoutError(RayError):
    pass


class Affinity(NamedTuple):
    node_id: str
    soft: bool


class Reference:
    def __init__(self, answer):
        self.answer = answer


class FakeRay:
    """A cluster of some nodes.

    Args:
        nodes: as ``ray.nodes()`` has them.
        describe: called with the id of a node; what its seat answers.
        measure: likewise, with the id of a case and its request; both may return an exception, or `PENDING`.
        idle: called whenever there is nothing to be had; it lets something happen.
    """

    exceptions = SimpleNamespace(
        RayError=RayError, RayTaskError=RayTaskError, GetTimeoutError=GetTimeoutError
    )
    cloudpickle = SimpleNamespace(register_pickle_by_value=lambda module: None)
    util = SimpleNamespace(scheduling_strategies=SimpleNamespace(NodeAffinitySchedulingStrategy=Affinity))

    def __init__(self, nodes, describe, measure, idle=lambda: None):
        self.known, self.describe, self.measure, self.idle = nodes, describe, measure, idle
        self.options, self.killed, self.stopped, self.wanted, self.running = [], [], [], [], {}

    def nodes(self):
        return self.known

    def remote(self, seat):
        def make(**options):
            self.options.append(options)
            return SimpleNamespace(remote=lambda: Actor(self, options["scheduling_strategy"].node_id))

        return SimpleNamespace(options=make)

    def wait(self, references, num_returns, timeout):
        if not any(each.answer is not PENDING for each in references) and timeout:
            self.idle()
        ready = [each for each in references if each.answer is not PENDING][:num_returns]
        return ready, [each for each in references if each not in ready]

    def get(self, reference, timeout):
        if isinstance(reference.answer, Exception):
            raise reference.answer
        return reference.answer

    def kill(self, actor, no_restart):
        self.killed.append(actor.node)
        self.lose(actor.node)

    def lose(self, node):
        """What runs there ends in an error."""
        for reference in self.running.pop(node, {}).values():
            if reference.answer is PENDING:
                reference.answer = RayError(f"{node} died")


class Actor:
    def __init__(self, ray, node):
        self._ray, self.node = ray, node
        self.describe = self._method(lambda: ray.describe(node))
        self.stop = self._method(self._stop)
        self.measure = SimpleNamespace(remote=self._measure)
        self.watch = self._method(lambda silence_s: PENDING)
        self.still_wanted = self._method(lambda: ray.wanted.append(node))

    @staticmethod
    def _method(answer):
        return SimpleNamespace(remote=lambda *arguments: Reference(answer(*arguments)))

    def _measure(self, case, request, command, directory, gpu):
        reference = Reference(self._ray.measure(self.node, case, request))
        self._ray.running.setdefault(self.node, {})[case] = reference
        return reference

    def _stop(self, case=None):
        self._ray.stopped.append(case)
