"""``sebench`` on a machine whose times are chosen (tests/workers/steady.py): everything else is real.

``python -m tests.pretended ARGUMENTS`` is that command line, on a calm machine.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sebench.runner.measuring.context import Host
from sebench.runner.workers.side_by_side import SideDevice
from tests.workers import steady

WORKER = Path(steady.__file__)


class SteadySideDevice(SideDevice):
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


def steady_host(condition="calm"):
    """A machine with steady workers.

    Args:
        condition: of the machine.
    """
    return Host(
        command=(sys.executable, str(WORKER), condition),
        side_device=partial(SteadySideDevice, condition),
        read_probe=steady.quiet_probe,
        # The load of the real machine is not that of the pretended one.
        findings_for=lambda environment, **workload: (),
    )


if __name__ == "__main__":
    from sebench.cli import app

    app(obj=steady_host())
