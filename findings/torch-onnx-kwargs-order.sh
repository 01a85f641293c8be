#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.onnx.export with kwargs and input_names (onnx 1.23.2, onnxscript 0.7.2)
#
# Expected:   The graph has its inputs in the order of the forward's parameters, so input_names=["a", "b"] names
#             a and b of forward(a, b).
#
# Behaviour:  The inputs stand in the order of the kwargs dictionary, and input_names are given to them in that
#             order: with kwargs={"b": ..., "a": ...} the input called "a" is b. Nothing warns; fed by name, the
#             graph computes something else.
#
# Output seen:
#   inputs: ['b', 'a']
#   inputs with input_names ['a', 'b']: ['a', 'b']
#   a - 2 b for a = 5, b = 1: torch 3.0, graph -9.0

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 torch==2.15.0)
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python "${packages[@]}"
else
  python3 -m venv env
  env/bin/python -m pip install --quiet "${packages[@]}"
fi

env/bin/python -W ignore - <<'PYTHON' 2>/dev/null
import contextlib
import io
import sys

import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn


class Difference(nn.Module):
    def forward(self, a, b):
        return a - 2 * b


a, b = torch.tensor([5.0]), torch.tensor([1.0])
network = Difference().eval()


def exported(**options):
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(network, (), "net.onnx", kwargs={"b": b, "a": a}, dynamo=True, **options)
    return onnx.load("net.onnx")


def inputs(graph):
    return [each.name for each in graph.graph.input]


plain, named = exported(), exported(input_names=["a", "b"])
(result,) = ReferenceEvaluator(named).run(None, {"a": a.numpy(), "b": b.numpy()})
expected, found = network(a, b).item(), float(result[0])
print(f"inputs: {inputs(plain)}")
print(f"inputs with input_names ['a', 'b']: {inputs(named)}")
print(f"a - 2 b for a = 5, b = 1: torch {expected}, graph {found}")
seen = (inputs(plain), inputs(named), expected, found)
sys.exit(None if seen == (["b", "a"], ["a", "b"], 3.0, -9.0) else "no longer as stated")
PYTHON
