#!/usr/bin/env bash
# Measures on the GPU at hand, in under ten minutes, and leaves reports and raw results in DIRECTORY.
# Usage: scripts/gpu_suite.sh DIRECTORY
set -euo pipefail

out=${1:?usage: scripts/gpu_suite.sh DIRECTORY}
mkdir -p "$out/data"

measure() { # NAME OPTIONS...
  local name=$1
  shift
  python -m sebench compare --device cuda "$@" --save "$out/data" --format markdown --output "$out/$name.md" ||
    echo "gpu_suite: $name failed with status $?" >&2
}

step=(--phase training --batch-size 256 --no-memory)
training=("${step[@]}" --budget 45)
measure resnet50_fp32 --model resnet50 "${training[@]}"
measure resnet50_tf32 --model resnet50 "${training[@]}" --dtype tf32
measure resnet50_bf16 --model resnet50 "${training[@]}" --dtype amp-bfloat16
measure resnet50_bf16_channels_last --model resnet50 "${training[@]}" --dtype amp-bfloat16 --memory-format channels_last
# Compiling alone may take longer than that.
measure resnet50_bf16_compile --model resnet50 "${step[@]}" --dtype amp-bfloat16 --runtime compile --effort quick
measure resnet101_tf32 --model resnet101 "${training[@]}" --dtype tf32
measure resnext50_tf32 --model resnext50_32x4d "${training[@]}" --dtype tf32
measure mobilenet_v1_tf32 --model mobilenet_v1 "${training[@]}" --dtype tf32
for batch in 1 256; do
  measure "resnet50_inference_$batch" --model resnet50 --phase inference --batch-size "$batch" --dtype tf32 --budget 30
done
python -m sebench profile --device cuda --model resnet50 --phase training --batch-size 256 --dtype tf32 \
  --format markdown --output "$out/resnet50_profile.md" ||
  echo "gpu_suite: profile failed with status $?" >&2
gpus=$(python -c 'import torch; print(torch.accelerator.device_count())')
if ((gpus > 1)); then # the paper's server had eight
  measure "resnet50_fp32_$gpus" --model resnet50 "${training[@]}" --world-size "$gpus"
fi
python -m pytest -q -m gpu tests/gpu
