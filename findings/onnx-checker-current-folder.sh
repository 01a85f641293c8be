#!/usr/bin/env bash
#
# Library:    onnx 1.23.2, onnx.checker.check_model
#
# Expected:   A model that was loaded without its external weights has no place on disk, so that checking
#             it does not depend on the current folder.
#
# Behaviour:  check_model(model) looks for the weights in the current folder: the same model passes in the
#             folder of its file and fails elsewhere. check_model(path) passes in both.
#
# Output seen:
#   in its folder: valid
#   elsewhere: not valid
#   by its path: valid

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python onnx==1.23.2 numpy==2.4.6
else
  python3 -m venv env
  env/bin/python -m pip install --quiet onnx==1.23.2 numpy==2.4.6
fi

env/bin/python - <<'PYTHON'
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, checker, helper, numpy_helper

os.makedirs("net")
shape = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("Mul", ["x", "w"], ["y"])],
    "net",
    [shape("x", TensorProto.FLOAT, [4])],
    [shape("y", TensorProto.FLOAT, [4])],
    [numpy_helper.from_array(np.ones(4, "float32"), "w")],
)
file = os.path.abspath("net/net.onnx")
onnx.save(helper.make_model(graph), file, save_as_external_data=True, location="net.data", size_threshold=0)
model = onnx.load(file, load_external_data=False)


def checked(what):
    try:
        checker.check_model(what)
    except checker.ValidationError:
        return "not valid"
    return "valid"


elsewhere = checked(model)
by_path = checked(file)
os.chdir("net")
seen = {"in its folder": checked(model), "elsewhere": elsewhere, "by its path": by_path}
for where, found in seen.items():
    print(f"{where}: {found}")

sys.exit(None if list(seen.values()) == ["valid", "not valid", "valid"] else "no longer as stated")
PYTHON
