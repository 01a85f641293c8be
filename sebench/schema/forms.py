"""Forms of attention: other spellings of the same function, in one place and without torch.

A form changes no value and no weight; it changes what a runtime makes of a gate. Everything that knows forms
derives from `FORMS`: the variant grammar (``se(form=pooled+fused)``), its listing, what a runtime takes, and
what `sebench tune --forms` measures. `sebench.surgery.forms` and `sebench.profilers.runtimes.onnx_forms` have
the same names and do the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sebench.errors import VariantError, near_matches
from sebench.schema.base import Phase, Runtime

Level = Literal["module", "graph", "onnx"]
STANDARD = "standard"
"""As the gate's author spelt it."""
_TORCH: tuple[Runtime, ...] = ("eager", "cudagraph", "compile", "freezing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One spelling."""

    name: str
    help: str
    """What is spelt otherwise, in a few words."""
    level: Level
    """What is rewritten: modules in place, torch's graph of the network, or the exported ONNX graph."""
    runtimes: tuple[Runtime, ...]
    """Those that it is made for; in the others it changes nothing, or for the worse."""
    phases: tuple[Phase, ...] = ("inference",)
    implies: tuple[str, ...] = ()
    """Forms that it builds on: they are made where they fit."""
    fixed_batch: bool = False
    """Whether the exported graph is made for one batch size."""
    largest_batch: int | None = None
    """Most samples in a batch; None is any number."""
    for_hardware: bool = False
    """Whether a file in this form runs only on processors like the one that made it."""


FORMS: tuple[Form, ...] = (
    Form(
        name="pooled",
        help="squeeze before the last 1x1 convolution; the first layer is composed with it",
        level="graph",
        runtimes=(*_TORCH, "onnxruntime", "openvino", "executorch"),
    ),
    Form(
        name="conv1x1",
        help="both layers as 1x1 convolutions",
        level="graph",
        runtimes=(*_TORCH, "onnxruntime", "openvino", "executorch"),
    ),
    Form(
        name="clip",
        help="a hard sigmoid as clip(x + 3, 0, 6) / 6",
        level="graph",
        runtimes=("openvino",),
    ),
    Form(
        name="fused",
        help="scale and residual add in one pass, in place (addcmul)",
        level="graph",
        runtimes=("eager", "cudagraph"),
    ),
    Form(
        name="avgpool",
        help="GlobalAveragePool instead of ReduceMean",
        level="onnx",
        runtimes=("onnxruntime",),
    ),
    Form(
        name="expanded",
        help="the gate written out at full size, so that the layout stays blocked",
        level="onnx",
        runtimes=("onnxruntime",),
        implies=("conv1x1", "avgpool"),
        fixed_batch=True,
    ),
    Form(
        name="blocked",
        help="scale, add and ReLU as one depthwise convolution in the blocked layout",
        level="onnx",
        runtimes=("onnxruntime",),
        implies=("expanded",),
        fixed_batch=True,
        largest_batch=1,
        for_hardware=True,
    ),
    Form(
        name="folded",
        help="the scale in the last 1x1 convolution's weights, where those are fewer than the map",
        level="onnx",
        runtimes=("onnxruntime",),
        implies=("pooled", "blocked"),
        fixed_batch=True,
        largest_batch=1,
        for_hardware=True,
    ),
    Form(
        name="recomputed",
        help="no feature map kept for the backward pass; batch norm's input is, and tells the same",
        level="module",
        runtimes=("eager",),
        phases=("training",),
    ),
)
"""Every form, in canonical order."""

_BY_NAME = {form.name: form for form in FORMS}


def form_named(name: str) -> Form:
    """The entry of a form."""
    return _BY_NAME[name]


def with_implied(names: Iterable[str]) -> tuple[Form, ...]:
    """Forms together with all that they imply, in canonical order."""
    found: dict[str, Form] = {}
    pending = list(names)
    while pending:
        form = _BY_NAME[pending.pop()]
        found[form.name] = form
        pending += form.implies
    return tuple(form for form in FORMS if form.name in found)


def canonical_forms(names: Iterable[str]) -> tuple[str, ...]:
    """The fewest names that say the same, in canonical order: ``pooled+folded`` is ``folded``."""
    given = set(names)
    implied = {form.name for name in given for form in with_implied(_BY_NAME[name].implies)}
    return tuple(form.name for form in FORMS if form.name in given - implied)


def forms_for(runtime: Runtime, phase: Phase = "inference") -> tuple[Form, ...]:
    """Forms made for a runtime."""
    return tuple(form for form in FORMS if runtime in form.runtimes and phase in form.phases)


@dataclass(frozen=True, slots=True)
class FormSet:
    """Values of the option ``form``: some forms, joined by ``+``."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "|".join((STANDARD, *_BY_NAME))

    def parse(self, name: str, text: str) -> tuple[str, ...]:
        """Read names of forms, in any order; `STANDARD` alone is none."""
        names = [word.strip() for word in text.split("+")]
        if names == [STANDARD]:
            return ()
        for word in names:
            if word not in _BY_NAME:
                hint = near_matches(word, _BY_NAME) or f"choose from {', '.join(_BY_NAME)}"
                raise VariantError(f"unknown {name} {word!r}" if word else f"{name} missing", hint=hint)
        found = canonical_forms(names)
        phases = {each: set(_BY_NAME[each].phases) for each in found}
        if not set.intersection(*phases.values()):
            for_training = ", ".join(each for each in found if "training" in phases[each])
            raise VariantError(
                f"{name} {text!r} mixes forms for training ({for_training}) with others for inference",
                hint="name forms of one phase",
            )
        return found

    def render(self, value: Iterable[str]) -> str:
        """Joined by ``+``."""
        return "+".join(value) or STANDARD


_MARK = "_forms"


def mark_forms(network: object, forms: tuple[str, ...], rewritten: Mapping[str, int]) -> None:
    """Note on a network in which forms it is wanted, and how many gates were rewritten for each so far."""
    setattr(network, _MARK, (forms, dict(rewritten)))


def forms_of(network: object) -> tuple[str, ...]:
    """Names of the forms in which a network is wanted; those of the exported graph are still to be made."""
    forms: tuple[str, ...] = getattr(network, _MARK, ((), {}))[0]
    return forms


def rewritten_in(network: object) -> Mapping[str, int]:
    """How many gates of a network were rewritten, by form."""
    rewritten: Mapping[str, int] = getattr(network, _MARK, ((), {}))[1]
    return rewritten
