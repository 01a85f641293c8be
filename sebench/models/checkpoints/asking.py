"""What a file of weights means for the network that is asked for, before that is built."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from sebench.errors import UsageError
from sebench.models.checkpoints.layout import Layout
from sebench.models.checkpoints.loading import layout_of
from sebench.models.checkpoints.reading import described, note, split_part
from sebench.models.own_arguments import OWN_ARGUMENTS, SLOT, read_own_arguments
from sebench.models.registry import ModelInfo, StrideIn, find_model
from sebench.schema import Finding, ModelSpec, parse_variant


def with_digest(spec: ModelSpec) -> ModelSpec:
    """A specification that says which file of weights is meant.

    Raises:
        UsageError: there is no such file, or it has changed since.
    """
    if spec.weights is None:
        return spec
    path, _ = split_part(spec.weights)
    try:
        status = path.stat()
        if not path.is_file():
            what = "it is a folder" if path.is_dir() else "it is not a file"
            raise UsageError(f"--weights {path}: {what}", hint="name a state_dict")
        digest = _sha256(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise UsageError(f"--weights {path}: {error.strerror or error}", hint="name a state_dict") from error
    if spec.weights_sha256 not in (None, digest):
        raise UsageError(f"--weights {path} has changed since the command began", hint="run it again")
    return replace(spec, weights_sha256=digest)


@lru_cache(maxsize=16)
def _sha256(path: Path, changed_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def own_options(spec: ModelSpec, info: ModelInfo) -> tuple[StrideIn | None, tuple[str, ...]]:
    """Stride and arguments of a native network: as they are said, else as the file of weights needs them.

    A network without weights says no default. One with a file of another library says a default where that
    library has something else, so that the same specification gives the same network.

    Args:
        spec: what is asked for; its stride is one that the network can have.
        info: what the registry knows of its network.

    Raises:
        UsageError: no such argument, or a value that it cannot have; the file cannot be read.
    """
    said = read_own_arguments(spec.model_args, info)
    layout = None if spec.weights is None else layout_of(described(spec.weights), spec)
    needed = dict(layout.arguments) if layout else {}
    default = {key: OWN_ARGUMENTS[key].default for key in {*said, *needed}}
    taken = needed | said
    kept = tuple(
        f"{key}={taken[key]}"
        for key in sorted(taken)
        if taken[key] != default[key] or needed.get(key, default[key]) != default[key]
    )
    own = info.default_stride_in
    needed_stride = (layout.stride_in if layout and own else None) or own
    stride = spec.stride_in or needed_stride
    return (None if stride == own == needed_stride else stride), kept


def checkpoint_findings(*specs: ModelSpec) -> tuple[Finding, ...]:
    """What a reader should know of the weights of networks, each once; nothing where no file gives them.

    Args:
        specs: resolved.

    Raises:
        UsageError: a file cannot be read.
    """
    return tuple(dict.fromkeys(finding for spec in specs for finding in _findings(spec)))


def _findings(spec: ModelSpec) -> tuple[Finding, ...]:
    if spec.weights is None:
        return ()
    checkpoint = described(spec.weights)
    findings = list(checkpoint.findings)
    if find_model(spec.model) is None:
        return tuple(findings)
    layout = layout_of(checkpoint, spec)
    if layout is not None:
        findings.append(_of_layout(spec, layout))
        left_out = sum(layout.leaves_out(key) for key in checkpoint.unwrapped)
        if left_out:
            findings.append(
                note(f"{left_out} tensors of an auxiliary classifier are left out", severity="info")
            )
    names = [layout.name(key) if layout else key for key in checkpoint.unwrapped]
    has_attention = any(SLOT in name.split(".") for name in names if name)
    kind = parse_variant(spec.variant).kind
    if kind is not None and not has_attention:
        findings.append(note(f"{spec.weights} has no attention: that of {spec.label} has random weights"))
    elif kind is not None and layout is not None and kind.name != "se":
        findings.append(note(f"attention in {spec.weights} is SE: that of {spec.label} has random weights"))
    elif has_attention and kind is None:
        findings.append(note(f"attention in {spec.weights} is left out of {spec.label}", severity="info"))
    return tuple(findings)


def _of_layout(spec: ModelSpec, layout: Layout) -> Finding:
    built = [*([f"stride in the {spec.stride_in}"] if spec.stride_in else []), *spec.model_args]
    message = f"weights in {spec.weights} are named as in {layout.library}"
    if built:
        message += f"; {spec.model} is built with {', '.join(built)}"
    if layout.doubt and _follows(spec, layout):
        return note(f"{message}; {layout.doubt}", layout.otherwise)
    return note(message)


def _follows(spec: ModelSpec, layout: Layout) -> bool:
    """Whether a network is what the layout's library builds, as nobody has said otherwise."""
    return spec.stride_in == layout.stride_in and all(
        f"{key}={value}" in spec.model_args for key, value in layout.arguments.items()
    )
