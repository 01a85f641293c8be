"""`count` for programs: networks by name, and modules that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sebench import counters
from sebench.api.arguments import require_taken
from sebench.api.count_result import CountResult
from sebench.api.guard import guarded
from sebench.api.modules import BY_NAME, OBJECT, is_module, module_shape, refuse, stages_of, uncompiled
from sebench.api.naming import Attention, Network, asked_options, network_name, shape_text, variant_name
from sebench.models import ImageSize, source_of
from sebench.runner.counting.counter import Counter, default_cache
from sebench.runner.planning.inputs import batch_of, parse_input_shape
from sebench.runner.planning.inputs import input_shape as shape_of
from sebench.runner.planning.pairs import resolve_spec
from sebench.schema import ModelCost, ModelSpec, Phase, StrideIn

if TYPE_CHECKING:
    from torch import nn


def count(
    model: Network | nn.Module,
    *,
    variant: Attention | None = None,
    phase: Phase = "inference",
    batch_size: int = 1,
    image_size: ImageSize | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    example_inputs: Network | None = None,
    dtype: str = "float32",
    input_shape: Sequence[int] | None = None,
    sites: Sequence[str] = (),
    stages: Mapping[str, str] | None = None,
) -> CountResult:
    """Count one network exactly: parameters, MACs, FLOPs, bytes; nothing is run.

    Args:
        model: a name, a function or class at the top of a module, or a module object. Of such a module
            only the structure is read: it is neither run nor changed nor moved.
        variant: of a named network; None is ``plain``, or ``asis`` of networks of others.
        phase: ``training`` adds the backward pass and the bytes saved for it.
        batch_size: images per step, of a named network.
        image_size: side or (height, width) in pixels, of a named network; None is its own.
        num_classes: width of the classifier, of a named network; None is its own.
        stride_in: of a bottleneck ResNet by name, the convolution that strides.
        model_args: keyword arguments of the factory of a named network.
        insert_after: of a named network, regular expression for the modules after which attention goes; None
            is where the paper puts it.
        attention_class: of a named network, class of the modules that are its attention; None finds it by
            data flow.
        example_inputs: of a named network, function of the batch size that returns the inputs; None is
            ``example_inputs`` beside its function.
        dtype: sets the bytes per element: ``float32``, ``tf32``, ``bfloat16`` or ``float16``.
        input_shape: batch in front, e.g. ``(1, 80, 300)``; of a named network instead of `image_size`.
        sites: names of attention modules inside a module object: rows of `CountResult.by_site`.
        stages: of a module object, stage labels by module name; None takes its children as stages.

    Raises:
        UsageError: names or numbers that cannot be meant.
        BuildError: a network that cannot be built or does not accept the input.
        CountError: a network that may run, but not without real data.
        WorkerError: a network's own code ended the process that counted it.
    """
    require_taken(locals(), required=("model", "batch_size", "sites"))
    if is_module(model):
        by_name = {
            "variant": variant,
            "batch_size": batch_size != 1,
            "image_size": image_size,
            "num_classes": num_classes,
            "stride_in": stride_in,
            "model_args": model_args,
            "insert_after": insert_after,
            "attention_class": attention_class,
            "example_inputs": example_inputs,
        }
        refuse(by_name, OBJECT)
        return _count_module(
            uncompiled(model), input_shape, phase=phase, dtype=dtype, sites=sites, stages=stages
        )
    refuse({"sites": sites, "stages": stages}, BY_NAME)
    name = network_name(model)
    own = source_of(name).own_variant
    options = asked_options(
        num_classes=num_classes,
        stride_in=stride_in,
        model_args=model_args,
        insert_after=insert_after,
        attention_class=attention_class,
        example_inputs=example_inputs,
    )
    text = shape_text(input_shape)
    said = None if text is None else parse_input_shape(text)
    own_inputs = said is None and image_size is None
    spec = resolve_spec(
        name, own if variant is None else variant_name(variant), options, own_inputs=own_inputs
    )
    batch = batch_of(said, batch_size) or batch_size
    shape = shape_of(spec, batch, size=image_size, shape=said)
    with guarded(), Counter(default_cache()) as counter:
        return CountResult(ModelCost(spec=spec, cost=counter(spec, shape, phase, dtype, gates=True)))


def _count_module(
    module: nn.Module,
    input_shape: Sequence[int] | None,
    *,
    phase: Phase,
    dtype: str,
    sites: Sequence[str],
    stages: Mapping[str, str] | None,
) -> CountResult:
    shape, labels = module_shape(input_shape), stages_of(module, stages)
    cost = counters.count(module, shape, phase=phase, dtype=dtype, sites=sites, stages=labels)
    return CountResult(ModelCost(spec=ModelSpec(model=type(module).__name__), cost=cost))
