#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.inference_mode
#
# Expected:   torch.inference_mode(False) takes inference mode back and nothing else: inside
#             torch.no_grad, where there is none to take back, gradients stay off.
#
# Behaviour:  It sets the gradient mode to the opposite of its argument. inference_mode(False) inside
#             no_grad turns gradients on, and results require them, until it is left. Code that
#             passes its flag on, as in inference_mode(mode=flag), overrides its caller's no_grad.
#
# Output seen:
#   no_grad: gradients False, result requires them False
#   no_grad, inference_mode(False): gradients True, result requires them True
#   no_grad again: gradients False, result requires them False

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import torch

x = torch.ones(2, requires_grad=True)
seen = []


def look(where):
    enabled, required = torch.is_grad_enabled(), (x * 2).requires_grad
    print(f"{where}: gradients {enabled}, result requires them {required}")
    seen.append((enabled, required))


with torch.no_grad():
    look("no_grad")
    with torch.inference_mode(False):
        look("no_grad, inference_mode(False)")
    look("no_grad again")

sys.exit(None if seen == [(False, False), (True, True), (False, False)] else "no longer as stated")
PYTHON
