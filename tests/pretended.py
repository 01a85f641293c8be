"""``sebench`` on a machine whose times are chosen (tests/workers/steady.py): everything else is real.

``python -m tests.pretended ARGUMENTS`` is that command line, on a calm machine.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sebench.runner.gate import run as gatekeeping
from sebench.runner.gate.target_run import Settings
from sebench.runner.measuring import run as measuring
from sebench.runner.workers import side_by_side
from tests.workers import steady

WORKER = Path(steady.__file__)


class SteadyTurns(side_by_side._Turns):
    """Two workers in turn, by the time that they say has passed."""

    def __init__(self, condition):
        super().__init__()
        self.steady = steady.Steady(condition)

    def clock(self):
        return self.steady.clock()

    def pause(self, duration_s):
        self.steady.pause(duration_s)

    def canary_s(self):
        return self.steady.canary_s()

    def timed(self, step, count):
        timing = super().timed(step, count)
        self.steady.pause(sum(timing.steps_s))
        return timing


def pretend(patch, condition="calm"):
    """Let gates measure steady workers.

    Args:
        patch: ``monkeypatch.setattr``, or `setattr` itself.
        condition: of the machine.
    """
    command = (sys.executable, str(WORKER), condition)
    patch(gatekeeping, "Settings", partial(Settings, command=command))
    patch(side_by_side, "_Turns", partial(SteadyTurns, condition))
    patch(side_by_side, "read_probe", steady.quiet_probe)
    # The load of the real machine is not that of the pretended one.
    patch(measuring, "findings_for", lambda environment, **workload: ())


if __name__ == "__main__":
    from sebench.cli import app

    pretend(setattr)
    app()
