"""Weights of a file into a network: every key of it once, every shape equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from sebench.errors import UsageError
from sebench.models.checkpoints.catalogue import recognised
from sebench.models.checkpoints.layout import Layout
from sebench.models.checkpoints.reading import Checkpoint, common_prefix, described, read
from sebench.models.registry import find_model
from sebench.schema import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

_NAMED = 3
_COUNTER = "num_batches_tracked"
"""What batch normalisation counts, and old files have not."""
_HINT = "name the state_dict of this network"


def load_weights(
    network: nn.Module, spec: ModelSpec, *, slot: str | None = None, whole: bool = False
) -> None:
    """Load the file of a specification into a network, every key of it; code in the file is never run.

    Names of other libraries become sebench's where the network is sebench's own. The network keeps its number
    format. What batch normalisation counts may be missing, and so may one of two names of the same tensor.

    Args:
        network: changed in place; one on ``meta`` only has its keys and shapes compared with the file's.
        spec: with a file of weights, resolved.
        slot: name that all modules with attention have. Weights of attention may then be missing, which
            leaves it as it was drawn, or be there for a network without: a pair shares its other weights.
        whole: with a slot, refuse both all the same.

    Raises:
        UsageError: the file is no state_dict, or of another network.
    """
    own = network.state_dict()
    on_meta = any(tensor.is_meta for tensor in own.values())
    weights = spec.weights or ""
    checkpoint = described(weights) if on_meta else read(weights)
    where = f"--weights {weights} does not fit {spec.label}"
    if slot is None:
        fits = own.keys() - _counters(own) <= checkpoint.tensors.keys()
        prefix = common_prefix(own)  # a module that is called so
        unwrapped = {f"{prefix}{key}": tensor for key, tensor in checkpoint.unwrapped.items()}
        found = dict(checkpoint.tensors) if fits else unwrapped
    else:
        renamed = _renamed(checkpoint, spec, where)
        found = dict(renamed) if whole else _with_own_attention(own, renamed, slot)
    _fill_counters(own, found)
    _fill_aliases(network, found)
    _require_keys(own, found, where)
    fitting = {key: _fitting(key, own[key], found[key], slot) for key in own}
    _require_shapes(own, fitting, where)
    if not on_meta:
        network.load_state_dict(fitting)


def layout_of(checkpoint: Checkpoint, spec: ModelSpec) -> Layout | None:
    """Who named the weights for a native network; None where the names are sebench's, or nobody's."""
    info = find_model(spec.model)
    return None if info is None else recognised(checkpoint.unwrapped, info)


def _renamed(checkpoint: Checkpoint, spec: ModelSpec, where: str) -> dict[str, Tensor]:
    """Weights by sebench's names; what has none keeps its own."""
    layout = layout_of(checkpoint, spec)
    if layout is None:
        return dict(checkpoint.unwrapped)
    renamed: dict[str, Tensor] = {}
    for key, tensor in checkpoint.unwrapped.items():
        name = layout.name(key)
        if name is None and layout.leaves_out(key):
            continue
        if name in renamed:
            raise UsageError(f"{where}: {key} is there twice, under two names", hint=_HINT)
        renamed[name or key] = tensor
    return renamed


def _with_own_attention(
    own: Mapping[str, Tensor], loaded: Mapping[str, Tensor], slot: str
) -> dict[str, Tensor]:
    """The weights of a file, with those of the network's attention where the file is of other attention."""
    ours, theirs = ({key for key in keys if slot in key.split(".")} for keys in (own, loaded))
    common = {key: value for key, value in loaded.items() if key not in theirs}
    source = loaded if ours <= theirs else own  # fewer gates than in the file keep their weights
    return common | {key: source[key] for key in ours}


def _counters(keys: Collection[str]) -> set[str]:
    return {key for key in keys if key.rpartition(".")[2] == _COUNTER}


def _fill_counters(own: Mapping[str, Tensor], found: dict[str, Tensor]) -> None:
    """Files from before torch 0.4.1, and of converters, have no counters; evaluation does not read them."""
    if not _counters(found):
        found |= {key: own[key] for key in _counters(own)}


def _fill_aliases(network: nn.Module, found: dict[str, Tensor]) -> None:
    """The writer of safetensors keeps one name of a tensor that a network has under several."""
    names: dict[int, list[str]] = defaultdict(list)
    for pairs in (
        network.named_parameters(remove_duplicate=False),
        network.named_buffers(remove_duplicate=False),
    ):
        for name, tensor in pairs:
            names[id(tensor)].append(name)
    for aliases in names.values():
        kept = next((name for name in aliases if name in found), None)
        if kept is not None:
            found |= {name: found[kept] for name in aliases if name not in found}


def _require_keys(own: Mapping[str, Tensor], found: Mapping[str, Tensor], where: str) -> None:
    missing, unknown = own.keys() - found.keys(), found.keys() - own.keys()
    if missing or unknown:
        said = [
            f"{_names(keys)} {verb}" for keys, verb in ((missing, "missing"), (unknown, "unknown")) if keys
        ]
        raise UsageError(f"{where}: {', '.join(said)}", hint=_HINT)


def _fitting(key: str, own: Tensor, found: Tensor, slot: str | None) -> Tensor:
    """A tensor in the shape of the network's where only its spelling differs.

    A 1x1 convolution of a gate, and a convolution over the whole map before a classifier, are linear layers.
    """
    parts = key.split(".")
    is_gate, is_head = slot in parts, parts[0] == "head" and own.dim() == 2 and found.dim() == 4
    if slot is None or own.shape == found.shape or own.numel() != found.numel():
        return found
    if (is_gate and own.shape[:2] == found.shape[:2]) or (is_head and own.shape[0] == found.shape[0]):
        return found.reshape(own.shape)
    return found


def _require_shapes(own: Mapping[str, Tensor], found: Mapping[str, Tensor], where: str) -> None:
    wrong = [key for key in own if own[key].shape != found[key].shape]
    if wrong:
        first = wrong[0]
        shapes = f"{tuple(found[first].shape)} instead of {tuple(own[first].shape)}"
        others = len(wrong) - 1
        more = f" and {others} more {'has another' if others == 1 else 'have others'}" if others else ""
        raise UsageError(
            f"{where}: {first} has shape {shapes}{more}", hint=_hint_of_shapes(wrong, own, found)
        )
    for key in own:
        if not _is_same_kind(own[key], found[key]):
            raise UsageError(f"{where}: {key} holds {_kind(found[key])} numbers", hint=_HINT)


def _hint_of_shapes(wrong: Collection[str], own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Where only the last layer differs, and only in its outputs, it is the number of classes."""
    modules = {key.rpartition(".")[0] for key in wrong}
    outputs = {found[key].shape[0] for key in wrong if found[key].dim()}
    same_inputs = all(own[key].shape[1:] == found[key].shape[1:] for key in wrong)
    if len(modules) == 1 and len(outputs) == 1 and same_inputs and len(wrong) == 2:
        return f"if that is the classifier: --num-classes {outputs.pop()}"
    return _HINT


def _is_same_kind(own: Tensor, found: Tensor) -> bool:
    """Whether copying one into the other keeps its values, up to rounding."""
    import torch

    return (
        own.is_floating_point() == found.is_floating_point()
        and own.is_complex() == found.is_complex()
        and found.layout == torch.strided
        and not found.is_quantized
    )


def _kind(tensor: Tensor) -> str:
    import torch

    if tensor.is_quantized:
        return "quantized"
    return "sparse" if tensor.layout != torch.strided else str(tensor.dtype).removeprefix("torch.")


def _names(keys: Collection[str]) -> str:
    first = sorted(keys)[:_NAMED]
    more = f" and {len(keys) - len(first)} more" if len(keys) > len(first) else ""
    return ", ".join(first) + more
