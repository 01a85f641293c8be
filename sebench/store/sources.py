"""Which version of the code a kept value was made by."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


@cache
def sources_digest(*parts: str) -> str:
    """SHA-256 (hex) over the sources of some modules or packages of sebench.

    A value that was kept under it is not used after they changed, in a release or in a working tree.

    Args:
        parts: e.g. ``("schema", "statistics")``.
    """
    digest = hashlib.sha256()
    for part in parts:
        for path in sorted((_PACKAGE / part).rglob("*.py")):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
