"""A worker whose networks are tiny and whose fault is chosen: ``faulty.py FAULT [MARKER]``.

Speaks the protocol through the real `serve`; only the networks are its own.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from quiet import quiet_probe
from torch import nn

from sebench.worker import timing
from sebench.worker.serve import serve


class Faulty(nn.Module):
    def __init__(self, fault, marker):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fault, self.marker = fault, marker
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.fault == "nan":
            return self.conv(x) * float("nan")
        if self.fault == "memory":
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 TiB")
        if self.fault == "shape":
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x8 and 9x9)")
        if self.fault == "type":
            raise TypeError("no such step")
        if self.fault == "text":
            return "words"
        if self.fault == "writes":
            x.mul_(2.0)
        if self.fault == "chatty":
            sys.stdout.write("a network that prints\n")
        if self.calls > 4 and self.should_die():
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "exit" and self.calls > 1:
            sys.stderr.write("some library said no\n")
            os._exit(7)
        return self.conv(x)

    def should_die(self):
        if self.fault == "die-once" and not self.marker.exists():
            self.marker.touch()
            return True
        return self.fault == "die"


if __name__ == "__main__":
    fault, marker = sys.argv[1], Path(sys.argv[2])
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    timing.read_probe = quiet_probe  # or a busy machine could spoil every block
    serve(sys.stdin.buffer, replies, build=lambda spec, seed, workload, beside: Faulty(fault, marker))
