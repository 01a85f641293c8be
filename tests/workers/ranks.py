"""A data-parallel worker whose networks are tiny and whose fault is chosen: ``ranks.py FAULT MARKER``.

Speaks the protocol through the real `serve`; its other ranks are started with the same command. Faults hit
rank 1, unless they say otherwise; rank 1 leaves its process id in MARKER.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import torch
from torch import nn

from sebench.worker import ranks
from sebench.worker.serve import serve

RANK = int(os.environ["RANK"])
ROOM = 2


class Faulty(nn.Module):
    def __init__(self, fault, marker):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4 * 6 * 6, 5)
        self.fault, self.marker, self.calls = fault, marker, 0
        self.unused = nn.Linear(2, 2) if fault == "unused" else None

    def forward(self, x):
        self.calls += self.training
        if RANK == 1:
            self.fail(x)
        elif self.calls > 1 and self.fault == "leader-dies":
            os.kill(os.getpid(), signal.SIGKILL)
        elif (self.calls > 1 and self.fault == "leader-hangs") or (
            self.fault == "leader-compiles" and self.training
        ):
            threading.Event().wait()
        output = self.fc(self.conv(x).flatten(1))
        return output * float("nan") if self.fault == "nan" and RANK == 1 else output

    def fail(self, x):
        if self.fault in ("memory", "leader-compiles") and self.training and len(x) > ROOM:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 TiB")
        if self.fault == "exit" and self.calls:
            sys.stderr.write("some library said no\n")
            os._exit(7)
        if self.calls > 1 and (self.fault == "leader-hangs" or self.dies_once()):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.calls > 1 and self.fault == "leader-dies":
            threading.Event().wait()

    def dies_once(self):
        if self.fault != "die-once" or self.marker.with_suffix(".died").exists():
            return False
        self.marker.with_suffix(".died").touch()
        return True


if __name__ == "__main__":
    fault, marker = sys.argv[1], Path(sys.argv[2])
    if RANK == 1:
        marker.write_text(str(os.getpid()))
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    # Long enough for a rank that fails to be the first that is heard; short where the leader hangs.
    ranks.GRACE_S = 1.0 if fault in ("leader-hangs", "leader-compiles") else 60.0
    serve(sys.stdin.buffer, replies, build=lambda spec, seed, workload, beside: Faulty(fault, marker))
