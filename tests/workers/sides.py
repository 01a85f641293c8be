"""A worker whose network's fault is its name, so that each side has its own: ``sides.py MARKER``."""

import os
import sys
from pathlib import Path

import torch
from faulty import Faulty

from sebench.worker.serve import serve

if __name__ == "__main__":
    marker = Path(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    serve(sys.stdin.buffer, replies, build=lambda spec, seed, workload, beside: Faulty(spec.model, marker))
