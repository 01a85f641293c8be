"""The process of a case on a Ray node whose conduct its folder says; the rest is the real one.

It notes in ``begun`` what it is asked and how it runs. While there is a file ``hold-N`` a case of batch N
waits; where there is ``die-N`` its process ends; where there is ``steady`` it is really measured, by a steady
worker.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sebench.runner.sweeping.execution import Ran, run_case
from sebench.runner.sweeping.ray import case as ray_case
from sebench.schema.sweep import CaseOutcome
from tests import samples
from tests.pretended import steady_host

NOTED = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def conduct(case, context):
    folder, batch = Path(), case.request.batch_size
    note = {
        "case": case.id,
        "batch": batch,
        "pid": os.getpid(),
        "worker": os.getppid(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "variables": {name: os.environ.get(name) for name in NOTED},
    }
    with (folder / "begun").open("a") as file:
        file.write(json.dumps(note) + "\n")
    sys.stdout.write("a case that prints\n")
    while (folder / f"hold-{batch}").exists():
        time.sleep(0.02)
    if (folder / f"die-{batch}").exists():
        sys.stderr.write("some library said no\n")
        sys.stderr.flush()
        os._exit(7)
    if (folder / "steady").exists():
        return run_case(case, context)
    outcome = CaseOutcome(id=case.id, status="done", machine=platform.node(), wall_s=0.5)
    return Ran(case, outcome, samples.result(samples.measurement([]), seed=case.seed))


if __name__ == "__main__":
    ray_case.run_case = conduct
    sys.exit(ray_case.main(steady_host()))
