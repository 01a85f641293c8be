#!/usr/bin/env bash
# Measures on this CPU what SE costs in several runtimes, and that each runtime finds no difference where there is
# none (A/A); reports it in FOLDER/runtimes.md. Needs the extras onnxruntime and openvino. Keep the machine quiet.
# Usage: scripts/runtime_report.sh FOLDER [MODEL...; default: resnet50]
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?usage: scripts/runtime_report.sh FOLDER [MODEL...]}
shift
models=("$@")
((${#models[@]})) || models=(resnet50)
data=$folder/runtimes
mkdir -p "$data"

in_all=(--runtime eager --runtime compile --runtime onnxruntime --runtime openvino)
options=(--device cpu --save "$data" --output /dev/null)
for model in "${models[@]}"; do
  python -m sebench compare --model "$model" "${in_all[@]}" "${options[@]}"
done
python -m sebench compare --model resnet50 --variant plain "${in_all[@]}" "${options[@]}"
rm -rf "$folder/runtimes_figures"
python -m sebench report "$data" --output "$folder/runtimes.md"
