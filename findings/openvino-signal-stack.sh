#!/usr/bin/env bash
#
# Library:    openvino 2026.4.1, CPU plugin, Linux
#
# Expected:   Two cores are made, used and dropped in one process; then all is as before.
#
# Behaviour:  The CPU plugin of each core that compiles gives the calling thread a stack of its own for signals
#             (sigaltstack). When the core ends, it puts back the stack that was there before and unmaps its own.
#             Cores that end in the order in which they began put back the wrong one: the thread is left with a
#             stack that is not mapped any more. Handlers of Python 3.11 run on that stack, so the next signal
#             (Ctrl-C, or the end of a child where somebody listens) ends the process with a segmentation fault.
#             Nothing is said before. One core for the whole process avoids it. This script looks at the stack,
#             and sends no signal.
#
# Output seen:
#   the later core ends first: the signal stack is mapped
#   the earlier core ends first: the signal stack is not mapped

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(openvino==2026.4.1)
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python "${packages[@]}"
else
  python3 -m venv env
  env/bin/python -m pip install --quiet "${packages[@]}"
fi

cat > look.py <<'PYTHON'
import ctypes
import faulthandler
import gc
import os
import sys

import numpy as np
import openvino
from openvino import opset13 as ops


class Stack(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def is_mapped():
    found = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    with open("/proc/self/maps", encoding="utf-8") as lines:
        ranges = [line.split()[0].split("-") for line in lines]
    return any(int(low, 16) <= (found.address or 0) < int(high, 16) for low, high in ranges)


def compiled():
    given = ops.parameter([1, 3], np.float32, name="x")
    network = openvino.Core().compile_model(openvino.Model([ops.relu(given)], [given]), "CPU")
    network({0: np.ones((1, 3), np.float32)})
    return network


faulthandler.enable()  # which gives the thread a stack for signals
assert is_mapped()
networks = [compiled(), compiled()]
while networks:
    networks.pop(0 if sys.argv[1] == "earlier" else -1)
    gc.collect()
mapped = is_mapped()
print(f"the {sys.argv[1]} core ends first: the signal stack is {'mapped' if mapped else 'not mapped'}", flush=True)
os._exit(mapped != (sys.argv[1] == "later"))
PYTHON
env/bin/python look.py later
env/bin/python look.py earlier
