#!/usr/bin/env bash
#
# Library:    timm 1.0.31, timm.layers.GatherExcite (with torch 2.15.0)
#
# Expected:   A module with the two layers (the default) or with depthwise convolutions, as its arguments say.
#
# Behaviour:  Only the form without parameters can be built. Device and data type are passed on as `*dd`, which
#             unpacks the names of the keys as positional arguments, where other layers have `**dd`.
#
# Output seen:
#   without parameters: built
#   with two layers: TypeError: ConvMlp.__init__() got multiple values for argument 'act_layer'
#   with convolutions: TypeError: create_conv2d() got multiple values for argument 'kernel_size'

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

from timm.layers import GatherExcite

seen = []
for name, options in (
    ("without parameters", {"use_mlp": False}),
    ("with two layers", {}),
    ("with convolutions", {"use_mlp": False, "extra_params": True, "extent": 4}),
):
    try:
        GatherExcite(64, **options)
    except TypeError as error:
        print(f"{name}: TypeError: {error}")
        seen.append("TypeError")
    else:
        print(f"{name}: built")
        seen.append("built")

sys.exit(None if seen == ["built", "TypeError", "TypeError"] else "no longer as stated")
PYTHON
