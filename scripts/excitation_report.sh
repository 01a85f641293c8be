#!/usr/bin/env bash
# Gates of the ResNet-20 that benchmarks/training.py has trained, on its test images; what folding those that do
# nothing changes and saves.
#
#   python benchmarks/training.py --output reports/training.md --images digits
#   scripts/excitation_report.sh reports digits
#
# Run it alone on the machine; it takes about a minute and a half.
set -euo pipefail

reports=$(cd "${1:?the folder of the reports}" && pwd)
images=$(cd "${2:?the folder of the images}" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ln -s "$images" digits
cp "$reports/training/se.pt" se.pt
mkdir -p "$reports/excitation_figures"

options=(-m cifar_resnet20 --images digits --image-size 16)
sebench excite "${options[@]}" -v se --weights se.pt --constant-below 0.05 --fold folded.pt --effort standard \
  --plot gates.svg --format markdown >gates.md
variant=$(grep -o 'se(without=[^)]*)' gates.md | head -n 1)
sebench evaluate "${options[@]}" -v se -v "$variant" --weights se.pt --weights folded.pt --format markdown >accuracy.md

sed "s,$folder/,,g" gates.svg >"$reports/excitation_figures/gates.svg"
{
  sed "s,$folder/,,g" gates.md
  printf '\n![Gates of every block by class, 50 channels each](excitation_figures/gates.svg)\n\n'
  sed "s,$folder/,,g; s,^# ,## ," accuracy.md
  printf '\nMade by `scripts/excitation_report.sh reports digits`, with the weights and the test images of [training.md](training.md), seed 0.\n'
} >"$reports/excitation.md"
