#!/usr/bin/env bash
# Measures on this CPU what attention costs inside networks of others, and reports it in FOLDER/attention.md.
# Pairs whose results are in FOLDER/attention already are not measured again: start it again to go on.
# The last network needs speechbrain. All in all about 20 minutes; keep the machine quiet meanwhile.
# Usage: scripts/attention_reports.sh FOLDER [OPTIONS OF sebench compare...; default: --budget 120]
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?usage: scripts/attention_reports.sh FOLDER [OPTIONS OF sebench compare...]}
shift
options=("$@")
((${#options[@]})) || options=(--budget 120)
data=$folder/attention
failed=0
mkdir -p "$data"

measured() { # MODEL VARIANT
  python -m sebench list results --results "$data" --model "$1" --variant "$2" --format csv 2>/dev/null |
    grep --quiet ",ok,"
}

measure() { # MODEL VARIANT
  if measured "$1" "$2"; then
    echo "attention_reports: $1 $2 is measured already" >&2
    return
  fi
  local status=0
  python -m sebench compare --model "$1" --variant "$2" --device cpu "${options[@]}" --save "$data" \
    --output /dev/null || status=$?
  if ((status >= 128)); then # interrupted
    exit "$status"
  elif ((status)); then
    echo "attention_reports: $1 $2 failed with status $status" >&2
    failed=1
  fi
}

for model in torchvision:efficientnet_b0 torchvision:mobilenet_v3_large timm:regnety_008 timm:ghostnet_100; do
  measure "$model" asis
done
for model in torchvision:resnet18 torchvision:resnet34; do
  for variant in se eca cbam; do
    measure "$model" "$variant"
  done
done
measure examples/ecapa.py:net asis
rm -rf "$folder/attention_figures"
python -m sebench report "$data" --output "$folder/attention.md"
exit "$failed"
