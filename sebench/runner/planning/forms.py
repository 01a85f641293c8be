"""Which forms go with which workloads; pure, nothing is built."""

from __future__ import annotations

from collections.abc import Iterable

from sebench.errors import UsageError
from sebench.schema import ModelSpec, PairPlan, Workload, parse_variant
from sebench.schema.forms import STANDARD, Form, canonical_forms, form_named, forms_for


def require_forms(planned: PairPlan) -> None:
    """Refuse sides in a form that is not made for these workloads.

    Raises:
        UsageError: says what it is made for.
    """
    for spec in (planned.pair.baseline, planned.pair.candidate):
        for name in parse_variant(spec.variant).forms:
            for workload in planned.workloads:
                require_form(form_named(name), workload.of(spec))


def require_form(form: Form, workload: Workload) -> None:
    """Refuse a form in a workload that it is not made for.

    Raises:
        UsageError: says what it is made for.
    """
    if workload.runtime not in form.runtimes:
        runtimes = " or ".join(form.runtimes)
        raise UsageError(
            f"form {form.name} is not for --runtime {workload.runtime}", hint=f"use --runtime {runtimes}"
        )
    if workload.phase not in form.phases:
        raise UsageError(
            f"form {form.name} is not for --phase {workload.phase}", hint=f"use --phase {form.phases[0]}"
        )
    if form.largest_batch is not None and workload.batch_size > form.largest_batch:
        raise UsageError(
            f"form {form.name} is for batches of at most {form.largest_batch}, not of {workload.batch_size}",
            hint=f"use --batch-size {form.largest_batch}, or another form",
        )


def candidate_forms(workload: Workload) -> tuple[tuple[str, ...], ...]:
    """Forms worth a measurement.

    Each that fits the workload, and with a squeeze moved forward those that are no step towards another.
    """
    fitting = [form for form in forms_for(workload.runtime, workload.phase) if _takes(form, workload)]
    alone = [(form.name,) for form in fitting]
    steps = {name for form in fitting for name in form.implies}
    joined = [
        canonical_forms(("pooled", form.name))
        for form in fitting
        if ("pooled",) in alone and form.name not in steps
    ]
    return tuple(dict.fromkeys((*alone, *joined)))


def in_form(spec: ModelSpec, forms: Iterable[str]) -> str:
    """The variant of a network in other forms."""
    variant = parse_variant(spec.variant)
    text = "+".join(forms) or STANDARD
    name, _, options = str(variant.standard).rstrip(")").partition("(")
    return str(parse_variant(f"{name}({','.join(filter(None, (options, f'form={text}')))})"))


def _takes(form: Form, workload: Workload) -> bool:
    return form.largest_batch is None or workload.batch_size <= form.largest_batch
