"""Files of ``sebench excite --format json``, read again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.files import Unreadable, describe_damage, read_file
from sebench.schema.excitation_document import ExcitationDocument, require_coherent_gates
from sebench.store.reading import check_header, said_kind

_KIND = "excitation"
_LARGEST_BYTES = 2 * 2**30
"""Of a thousand classes of images there are tens of millions of numbers."""
_WRITE_ONE = "write one with sebench excite --format json"
_document = msgspec.json.Decoder(ExcitationDocument)


def read_excitation(path: Path) -> ExcitationDocument | None:
    """An ``excitation`` document; None of a file that does not say that it is one, or is none at all.

    Raises:
        DataFileError: it says so, and is damaged, or of a newer version.
    """
    try:
        content = read_file(path, largest_bytes=_LARGEST_BYTES)
    except OSError:
        return None
    if said_kind(content) != _KIND:
        return None
    try:
        check_header(content, _KIND)
        found = _document.decode(content)
        require_coherent_gates(found)
    except DataFileError as error:
        raise DataFileError(f"{path} {error.message}", hint=error.hint) from error
    except Unreadable as error:
        message = f"{path} is no excitation document: {describe_damage(error)}"
        raise DataFileError(message, hint=_WRITE_ONE) from error
    return found
