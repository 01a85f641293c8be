"""The safetensors format, read without its package: a JSON header and the bytes of the tensors.

8 bytes, little-endian: length of the header; the header: name -> ``dtype``, ``shape`` and ``data_offsets``;
the data. Source: the format's own description in huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import msgspec

from sebench.errors import DataFileError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_LENGTH_BYTES = 8
_LARGEST_HEADER_BYTES = 100_000_000  # the limit of the format's own reader
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}

_Whole = Annotated[int, msgspec.Meta(ge=0)]


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[_Whole]
    data_offsets: tuple[_Whole, _Whole]


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins with these 9 bytes or more is of this format, whole or not."""
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    return start[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and 2 <= length <= _LARGEST_HEADER_BYTES


def read_safetensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    """The tensors of a file, in the order of its header.

    Args:
        path: of the file.
        device: ``meta`` leaves the data unread; anything else gives tensors on the CPU.

    Raises:
        DataFileError: it is truncated or damaged, or has a number format that torch has not.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if _LENGTH_BYTES + length > size:
            raise DataFileError("it is truncated")
        header = _decoded(file.read(length))
        start = _LENGTH_BYTES + length
        for name, entry in header.items():
            if start + entry.data_offsets[1] > size:
                raise DataFileError("it is truncated")
            _require_dtype(name, entry)
        return {name: _tensor(file, start, entry, device) for name, entry in header.items()}


def _decoded(text: bytes) -> dict[str, _Entry]:
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        raw.pop("__metadata__", None)
        return {name: msgspec.json.decode(entry, type=_Entry) for name, entry in raw.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataFileError("its header is damaged") from error


def _require_dtype(name: str, entry: _Entry) -> None:
    import torch

    if entry.dtype not in _DTYPES:
        raise DataFileError(f"{name} has number format {entry.dtype}, which is not read")
    dtype: torch.dtype = getattr(torch, _DTYPES[entry.dtype])
    first, last = entry.data_offsets
    if last - first != math.prod(entry.shape) * dtype.itemsize:
        raise DataFileError(f"{name} has another length than its shape says")


def _tensor(file: BinaryIO, start: int, entry: _Entry, device: torch.device) -> Tensor:
    import torch

    dtype: torch.dtype = getattr(torch, _DTYPES[entry.dtype])
    first, last = entry.data_offsets
    if device.type == "meta" or last == first:
        return torch.empty(entry.shape, dtype=dtype, device=device)
    file.seek(start + first)
    return torch.frombuffer(bytearray(file.read(last - first)), dtype=dtype).reshape(entry.shape)
