"""A file of weights as tensors by name: whatever wrapped it is taken off, and what was taken off is said."""

from __future__ import annotations

import errno
import re
import warnings
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sebench.errors import DataFileError, UsageError
from sebench.models.checkpoints.safetensors import is_safetensors, read_safetensors
from sebench.schema import Finding, Severity

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PART = "#"
"""Between a file and the name of one of its state_dicts."""
_SAVE_IT = "save the state_dict alone: torch.save(net.state_dict(), FILE)"
_DAMAGED = "it is damaged, or no file that torch.save wrote"
_PLAIN = ("state_dict", "model", "model_state_dict")
_AVERAGED = ("state_dict_ema", "model_ema")
_PREFIXES = ("module.", "_orig_mod.")
_COUNT = "n_averaged"
"""What `torch.optim.swa_utils.AveragedModel` has besides the network."""
_REFUSED = re.compile(r"GLOBAL (\S+)")
_PICKLE, _ZIP = b"\x80", b"PK"
_DEEPEST = 4


class Checkpoint(NamedTuple):
    """What a file of weights holds."""

    tensors: Mapping[str, Tensor]
    """By the names in the file."""
    unwrapped: Mapping[str, Tensor]
    """The same without the prefixes of `nn.DataParallel`, `torch.compile` and `AveragedModel`."""
    findings: tuple[Finding, ...]
    """What a reader should know of where the weights come from."""


def split_part(weights: str) -> tuple[Path, str | None]:
    """The file and, where one is named, which of its state_dicts is meant; a file of that very name wins."""
    file, mark, part = weights.rpartition(PART)
    if not mark or not file or not part or Path(weights).exists():
        return Path(weights), None
    return Path(file), part


def described(weights: str) -> Checkpoint:
    """The names, shapes and number formats in a file, with tensors on ``meta``; read once.

    Raises:
        UsageError: it cannot be read, or holds no state_dict.
    """
    path, _ = split_part(weights)
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"--weights {path}: {error.strerror or error}", hint="name a state_dict") from error
    return _described(weights, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _described(weights: str, changed_ns: int, size: int) -> Checkpoint:
    return read(weights, "meta")


def read(weights: str, device: str = "cpu") -> Checkpoint:
    """Read a file, with `weights_only`: code in it is never run.

    Args:
        weights: path of the file, with ``#PART`` behind it where one of several state_dicts is meant.
        device: ``cpu``, or ``meta`` for names and shapes alone.

    Raises:
        UsageError: it cannot be read, or holds no state_dict, or no such part.
    """
    path, part = split_part(weights)
    content = _content(path, device)
    tensors, findings = _state_in(content, path, part)
    unwrapped, more = _without_prefixes(tensors)
    kinds = Counter(str(each.dtype).removeprefix("torch.") for each in tensors.values() if _is_number(each))
    if kinds.keys() - {"float32"}:
        held = ", ".join(f"{count} tensors of {kind}" for kind, count in kinds.most_common())
        more = (*more, note(f"{path} holds {held}; the network keeps its own number format"))
    return Checkpoint(tensors, unwrapped, (*findings, *more))


def _content(path: Path, device: str) -> Any:  # noqa: ANN401 - whatever somebody saved
    import torch

    start = b""
    try:
        if not path.is_file():
            raise DataFileError("it is not a file" if path.exists() else "there is no such file")
        with path.open("rb") as file:
            start = file.read(16)
            if not start:
                raise DataFileError("it is empty")
            if is_safetensors(start):
                return read_safetensors(path, torch.device(device))
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of tensors that are refused later
                # Of a path torch looks at the suffix, too.
                return torch.load(file, map_location=device, weights_only=True)
    except DataFileError as error:
        raise UsageError(
            f"--weights {path} cannot be read: {error}", hint=error.hint or "save or copy it once more"
        ) from error
    except OSError as error:
        if error.errno == errno.EINVAL and start:  # torch looks for the end of an archive before its start
            raise UsageError(f"--weights {path} cannot be read: {_DAMAGED}", hint=_SAVE_IT) from error
        raise UsageError(f"--weights {path}: {error.strerror or error}", hint="name a state_dict") from error
    except Exception as error:
        raise UsageError(
            f"--weights {path} cannot be read: {_reason(str(error), start)}", hint=_SAVE_IT
        ) from error


def _reason(error: str, start: bytes) -> str:
    if "weights only load failed" in error.lower() and start.startswith((_PICKLE, _ZIP)):
        named = ", ".join(dict.fromkeys(_REFUSED.findall(error)))
        return "it holds objects besides tensors, which are not loaded" + (f": {named}" if named else "")
    if "torchscript" in error.lower():
        return "it is a TorchScript archive, which holds code"
    return _DAMAGED


def _state_in(content: object, path: Path, part: str | None) -> tuple[dict[str, Tensor], tuple[Finding, ...]]:
    findings: list[Finding] = []
    if part is not None:
        content = _named_part(content, path, part)
    for _ in range(_DEEPEST):
        if _is_state(content) or not isinstance(content, Mapping):
            break
        inside = [key for key in (*_PLAIN, *_AVERAGED) if isinstance(content.get(key), Mapping)]
        if not inside:
            break
        chosen, *others = inside
        if chosen in _AVERAGED:
            findings.append(note(f"weights are the moving average in {path}, {chosen}"))
        averages = [key for key in others if key in _AVERAGED]
        if averages:
            hint = f"choose that with --weights {path}{PART}{averages[0]}"
            findings.append(note(f"weights are {chosen} of {path}, not its {averages[0]}", hint))
        content = content[chosen]
    if not _is_state(content):
        raise UsageError(f"--weights {path} holds no state_dict", hint=_hint_of(content, path))
    assert isinstance(content, Mapping)  # noqa: S101 - for mypy
    return dict(content), tuple(findings)


def _named_part(content: object, path: Path, part: str) -> object:
    if isinstance(content, Mapping) and not _is_state(content):
        parts = [key for key, value in content.items() if isinstance(key, str) and isinstance(value, Mapping)]
        if part in parts:
            return content[part]
        there = f"it has {', '.join(parts)}" if parts else "leave it out"
    else:
        there = "it is one state_dict: leave it out"
    raise UsageError(f"--weights {path}{PART}{part}: {path} has no {part!r}", hint=there)


def _hint_of(content: object, path: Path) -> str:
    states = (
        [key for key, value in content.items() if _is_state(value)] if isinstance(content, Mapping) else []
    )
    if states:
        return f"choose one in it: --weights {path}{PART}{states[0]}"
    return "save one: torch.save(net.state_dict(), FILE)"


def _is_state(content: object) -> bool:
    import torch

    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items())
    )


def _without_prefixes(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[Finding, ...]]:
    """Prefixes that all names have, in whatever order they were put there."""
    found = dict(tensors)
    findings: tuple[Finding, ...] = ()
    while prefix := common_prefix(found.keys() - {_COUNT}):
        if _COUNT in found:
            findings = (note("weights are an average over steps, of torch's AveragedModel"),)
        found = {name.removeprefix(prefix): found[name] for name in found if name != _COUNT}
    return found, findings


def common_prefix(names: Collection[str]) -> str:
    """What a wrapper put before all of these names: ``module.``, ``_orig_mod.``, ``""`` for nothing."""
    return next((each for each in _PREFIXES if names and all(n.startswith(each) for n in names)), "")


def _is_number(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def note(message: str, hint: str | None = None, severity: Severity = "warning") -> Finding:
    """A finding about weights; one of severity ``info`` is kept and not shown."""
    return Finding(code="checkpoint", severity=severity, message=message, hint=hint)
