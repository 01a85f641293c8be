#!/usr/bin/env bash
#
# Library:    speechbrain 1.1.2 (torch 2.15.0, torchaudio 2.11.1)
#
# Expected:   After `import speechbrain`, every entry of sys.modules can be asked whether it has an attribute:
#             hasattr answers True or False, as for any module.
#
# Behaviour:  Six entries stand for optional parts. Asked for an attribute that a plain module need not have, such as
#             __file__, each tries to import its part and raises ImportError where that is not installed. hasattr
#             lets it through, so code that walks over sys.modules fails in whoever runs it.
#
# Output seen:
#   speechbrain.k2_integration: ImportError
#   speechbrain.lobes.models.flair: ImportError
#   speechbrain.lobes.models.huggingface_transformers: ImportError
#   speechbrain.lobes.models.spacy: ImportError
#   speechbrain.nnet.loss.transducer_loss: ImportError
#   speechbrain.wordemb: ImportError

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(numpy==2.4.6 requests==2.34.2 speechbrain==1.1.2 torch==2.15.0 torchaudio==2.11.1)
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python "${packages[@]}"
else
  python3 -m venv env
  env/bin/python -m pip install --quiet "${packages[@]}"
fi

env/bin/python -W ignore - <<'PYTHON' 2>/dev/null
import sys

import speechbrain.lobes.models.ECAPA_TDNN  # noqa: F401

raising = []
for name, module in sorted(sys.modules.items()):
    try:
        hasattr(module, "__file__")
    except ImportError as error:
        raising.append(name)
        print(f"{name}: {type(error).__name__}")
expected = [
    "speechbrain.k2_integration",
    "speechbrain.lobes.models.flair",
    "speechbrain.lobes.models.huggingface_transformers",
    "speechbrain.lobes.models.spacy",
    "speechbrain.nnet.loss.transducer_loss",
    "speechbrain.wordemb",
]
sys.exit(None if raising == expected else "no longer as stated")
PYTHON
