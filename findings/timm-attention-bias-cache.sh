#!/usr/bin/env bash
#
# Library:    timm 1.0.31, tiny_vit_5m_224 (with torch 2.15.0)
#
# Expected:   A network in evaluation mode gives what its weights say: after load_state_dict, what the network that
#             they come from gives.
#
# Behaviour:  Attention biases are kept from the first forward pass without gradients. Weights that are loaded after it
#             are used in part; only .train().eval() makes the network read its biases again.
#
# Output seen:
#   loaded before the first pass: the same as the other network
#   loaded after it: differs
#   after .train().eval(): the same as the other network

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python numpy==2.4.6 timm==1.0.31 torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet numpy==2.4.6 timm==1.0.31 torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import timm
import torch

torch.manual_seed(0)
image = torch.randn(1, 3, 224, 224)


def network():
    made = timm.create_model("tiny_vit_5m_224").eval()
    for name, parameter in made.named_parameters():
        if "attention_biases" in name:
            torch.nn.init.normal_(parameter)
    return made


def says(one, other):
    return "the same as the other network" if torch.allclose(one(image), other(image), atol=1e-5) else "differs"


seen = []
with torch.no_grad():
    other, early, late = network(), network(), network()
    early.load_state_dict(other.state_dict())
    seen.append(("loaded before the first pass", says(early, other)))
    late(image)
    late.load_state_dict(other.state_dict())
    seen.append(("loaded after it", says(late, other)))
    seen.append(("after .train().eval()", says(late.train().eval(), other)))
for when, result in seen:
    print(f"{when}: {result}")
same = "the same as the other network"
sys.exit(None if [result for _, result in seen] == [same, "differs", same] else "no longer as stated")
PYTHON
