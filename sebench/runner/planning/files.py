"""What networks that are files decide of a workload: their runtime, their batch, and what they are fed."""

from __future__ import annotations

from msgspec.structs import replace

from sebench import models
from sebench.errors import UsageError
from sebench.graphs.model_files import DeclaredInput, Open
from sebench.schema import ModelSpec, Pair, Runtime, WorkloadRequest

_IMAGE_RANK = 4


def as_files_ask(request: WorkloadRequest, pair: Pair) -> WorkloadRequest:
    """A request with what the files among two networks decide; as it was where neither is a file.

    A runtime that reads both, where none was said, and the batch that they have.

    Raises:
        UsageError: a runtime that cannot read a file, or a batch that it does not have.
        DataFileError: a file that cannot be read, or is refused.
    """
    files = [spec for spec in (pair.baseline, pair.candidate) if models.exported_file(spec.model)]
    if not files:
        return request
    if request.phase == "training":
        raise UsageError(f"{files[0].model} was exported for inference: no --phase training")
    if request.quantize not in (None, "none"):
        raise UsageError(f"--quantize: {files[0].model} is exported already", hint="leave it out")
    runtime = request.runtime or _usual_runtime(pair, files)
    for spec in files:
        _require_runtime(spec, spec.runtime or runtime)
    return replace(request, runtime=runtime, batch_size=_batch_size(request, files))


def _usual_runtime(pair: Pair, files: list[ModelSpec]) -> Runtime:
    if pair.baseline.runtime is not None and pair.candidate.runtime is not None:
        return "eager"  # nothing runs in it, as of every pair whose sides say theirs
    readers = [runtimes_of(spec.model) for spec in files if spec.runtime is None]
    return next(runtime for runtime in readers[0] if all(runtime in each for each in readers))


def runtimes_of(name: str) -> tuple[Runtime, ...]:
    """Those that read a file, the usual one first; none of a network that is no file."""
    source = models.exported_file(name)
    return () if source is None else source.runtimes(name)


def _require_runtime(spec: ModelSpec, runtime: Runtime) -> None:
    able = runtimes_of(spec.model)
    if runtime not in able:
        raise UsageError(
            f"--runtime {runtime} does not run {spec.model}, a file that was exported already",
            hint=f"use {' or '.join(f'--runtime {each}' for each in able)}",
        )


def fixed_batch(pair: Pair) -> int | None:
    """The batch that a file among two networks has, and no other; None where it is open."""
    known = (_own_batch(spec) for spec in (pair.baseline, pair.candidate))
    return next((batch for batch in known if batch is not None), None)


def _own_batch(spec: ModelSpec) -> int | None:
    if spec.example_inputs is not None or not models.exported_file(spec.model):
        return None
    own = _declared(spec)[0].shape[0]
    return own if isinstance(own, int) else None


def _batch_size(request: WorkloadRequest, files: list[ModelSpec]) -> int | None:
    said = request.batch_size
    for spec in files:
        own = _own_batch(spec)
        if own is None:
            continue
        if said is not None and said != own:
            raise _other_batch(spec, own, said)
        if request.input_shape is None:
            said = own
    return said


def file_input(
    spec: ModelSpec, batch_size: int, *, size: models.ImageSize | None, shape: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """Shape of the first input of a file, batch in front; None of a network that is no file.

    Args:
        spec: the network.
        batch_size: items per step; 1 says nothing.
        size: of images, that was said.
        shape: that was said, batch in front.

    Raises:
        UsageError: the file takes something else, or leaves open what nobody says.
        DataFileError: it cannot be read, or is refused.
    """
    if models.exported_file(spec.model) is None:
        return None
    (batch, *sizes), rank = _declared(spec)[0].shape, len(_declared(spec)[0].shape)
    if isinstance(batch, int) and batch_size not in (1, batch):
        raise _other_batch(spec, batch, batch_size)
    said: tuple[int, ...] | None = None if shape is None else shape[1:]
    if size is not None:
        if rank != _IMAGE_RANK:
            raise UsageError(f"--image-size: {spec.model} takes {_text(spec)}, which is no image")
        channels = sizes[0] if isinstance(sizes[0], int) else 3
        said = (channels, *models.height_width(size))
    if said is None:
        said = _own(spec, sizes)
    if len(said) != len(sizes) or any(
        isinstance(own, int) and own != each for own, each in zip(sizes, said, strict=True)
    ):
        raise UsageError(f"{spec.model} takes {_text(spec)}, not {_times((batch_size, *said))}")
    return (batch if isinstance(batch, int) else batch_size, *said)


def _own(spec: ModelSpec, sizes: list[Open]) -> tuple[int, ...]:
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) == len(sizes):
        return tuple(known)
    image = models.source_of(spec.model).published_input(spec.model)
    if image is None:
        raise UsageError(f"{spec.model} takes {_text(spec)}", hint="say the sizes: --input-shape 1x80x300")
    return image


def _declared(spec: ModelSpec) -> tuple[DeclaredInput, ...]:
    source = models.exported_file(spec.model)
    return () if source is None else source.declared_inputs(spec.model)


def _other_batch(spec: ModelSpec, own: int, said: int) -> UsageError:
    return UsageError(
        f"{spec.model} has a fixed batch of {own}, not of {said}",
        hint="export it with an open batch, or leave --batch-size out",
    )


def _text(spec: ModelSpec) -> str:
    return _times(_declared(spec)[0].shape)


def _times(shape: tuple[Open, ...]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape)
