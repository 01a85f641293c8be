"""Files that were exported already: ``net.onnx``, and OpenVINO's ``net.xml`` with ``net.bin`` beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from sebench.errors import BuildError, DataFileError, UnknownModelError, UsageError, VariantError
from sebench.graphs.model_files import ONNX, OPENVINO, DeclaredInput, inside, look_into
from sebench.models.sources.source import USUAL_INPUT, BuiltModel, InputSize, Source
from sebench.schema import ASIS, NETWORK_OPTIONS, PLAIN, ModelSpec, Runtime, is_exported_file, parse_variant

if TYPE_CHECKING:
    import torch

_LOCATION = re.compile(rb"\n\x08location\x12(.)", re.DOTALL)
"""How an ONNX file begins to say where weights outside of it are: the length of the name follows."""
_IMAGE_RANK = 4


class ExportedFile(Source):
    """A file that a runtime takes as it is; nothing of it is a module of torch."""

    key = "exported"
    syntax = "net.onnx or net.xml"
    networks = "a file that was exported already, for ONNX Runtime or OpenVINO"
    named_by_path = True
    is_file = True

    def owns(self, name: str) -> bool:
        """Whether it ends as such files do."""
        return is_exported_file(name)

    def runtimes(self, name: str) -> tuple[Runtime, ...]:
        """Those that read such files, the usual one first."""
        return ("onnxruntime", "openvino") if name.endswith(ONNX) else ("openvino",)

    def resolve(self, spec: ModelSpec) -> ModelSpec:
        """The variant becomes canonical, and the content of the file is noted.

        Raises:
            UnknownModelError: there is no such file.
            VariantError: a variant that a file cannot have.
            UsageError: an option for networks that are built, or the file has changed since.
        """
        for option in NETWORK_OPTIONS:
            if option.field != "example_inputs" and getattr(spec, option.field):
                raise UsageError(f"{option.option}: {spec.model} is exported already", hint="leave it out")
        variant = str(parse_variant(spec.variant))
        self._check_variant(spec.model, variant)
        digest = self.edition(spec.model)
        if spec.file_sha256 not in (None, digest):
            raise UsageError(f"{spec.model} has changed since the command began", hint="run it again")
        return replace(spec, variant=variant, file_sha256=digest)

    def _check_variant(self, name: str, variant: str) -> None:
        two = "name two files: --baseline A --candidate B"
        if variant not in (ASIS, PLAIN):
            raise VariantError(
                f"variant {variant!r}: {name} is exported already, no other attention can be put into it",
                hint=f"use asis or plain, or {two}",
            )
        if variant == PLAIN and name.endswith(OPENVINO):
            raise VariantError(
                f"variant {PLAIN!r}: attention can be taken out of {ONNX} files, not out of {name}", hint=two
            )

    def require(self, name: str) -> None:
        """Refuse a file that is not there."""
        self.edition(name)

    def edition(self, name: str) -> str:
        """SHA-256 of the file, and of those that hold its weights.

        Raises:
            UnknownModelError: it cannot be read.
        """
        path = Path(name)
        try:
            files = (path, *_weights_of(path))
            return _digest(tuple((each, *_state(each)) for each in files))
        except OSError as error:
            raise UnknownModelError(
                f"unknown model {name!r}: {error.strerror or error}", hint="name a file that was exported"
            ) from error

    def declared_inputs(self, name: str) -> tuple[DeclaredInput, ...]:
        """What the file says of its inputs.

        Raises:
            DataFileError: it cannot be read, or is refused.
        """
        return _inputs(Path(name), self.edition(name))

    def published_input(self, name: str) -> InputSize | None:
        """Of images; None of anything else."""
        _, *sizes = self.declared_inputs(name)[0].shape
        if len(sizes) != _IMAGE_RANK - 1:
            return None
        known = [
            size if isinstance(size, int) else usual for size, usual in zip(sizes, USUAL_INPUT, strict=True)
        ]
        return known[0], known[1], known[2]

    def build(self, spec: ModelSpec, seed: int, device: torch.device) -> BuiltModel:
        """There is nothing to build."""
        raise BuildError(
            f"{spec.model} is an exported file, not a module of torch",
            hint="name the network that it comes from",
        )


def _weights_of(path: Path) -> Iterator[Path]:
    """Files beside it, as far as that is known without opening it: `look_into` refuses what is elsewhere."""
    if path.suffix == OPENVINO:
        if path.with_suffix(".bin").is_file():
            yield path.with_suffix(".bin")
        return
    for name in _locations(path, *_state(path)):
        try:
            place = path.parent / inside(path, name.decode())
        except (UnicodeDecodeError, DataFileError):
            continue
        if place.is_file():
            yield place


@lru_cache(maxsize=16)
def _locations(path: Path, changed_ns: int, size: int) -> tuple[bytes, ...]:
    content = path.read_bytes()
    found = _LOCATION.finditer(content)
    return tuple(sorted({content[each.end() : each.end() + each.group(1)[0]] for each in found}))


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    if not path.is_file():
        raise OSError(None, "it is not a file")
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Of one file that of its content; of several that of their digests, in order."""
    found = []
    for path, _, _ in files:
        with path.open("rb") as file:
            found.append(hashlib.file_digest(file, "sha256").hexdigest())
    return found[0] if len(found) == 1 else hashlib.sha256(" ".join(found).encode()).hexdigest()


@lru_cache(maxsize=16)
def _inputs(path: Path, _: str) -> tuple[DeclaredInput, ...]:
    return look_into(path).inputs
