"""Why nothing could be measured: an error, or a network that one of the sides does not have."""

from __future__ import annotations

from sebench.analysis.unjudged import GONE, NEW, UNKNOWN, error_reason
from sebench.errors import SebenchError, UnknownModelError
from sebench.runner.counting.counter import Counter
from sebench.runner.gate.target import Target
from sebench.schema import ModelSpec, Reason


def failure_reason(error: SebenchError, target: Target, counter: Counter) -> Reason:
    """What to say of a target that could not be measured; names the side that lacks the network.

    Args:
        error: what measuring raised.
        target: what was to be measured.
        counter: finds out which side has the network.
    """
    if not isinstance(error, UnknownModelError):
        return error_reason(error)
    if target.kind != "base-ref":
        return error_reason(error, UNKNOWN)
    pair, model, base = target.session.pair, target.session.pair.candidate.model, target.baseline
    # A count names the commit that it was made at; the other side may lack the network as well.
    from_base = str(error).startswith(f"{model} at ")
    at_base = error if from_base else _missing(pair.baseline, target, counter)
    here = _missing(pair.candidate, target, counter) if from_base else error
    if at_base and here:
        message = f"{model} is neither in this tree ({_why(here, model)}) nor at {base}"
        return Reason(code=UNKNOWN, message=message)
    if at_base:
        return Reason(
            code=NEW,
            message=f"{model} is new: {base} does not have it ({_why(at_base, model)})",
            hint="check it against a ceiling (--max-overhead) or a lock until the base has it",
        )
    return Reason(
        code=GONE,
        message=f"{model} is gone: {base} has it, this tree does not ({_why(error, model)})",
        hint="name what replaces it, or take it out of the gate",
    )


def _missing(spec: ModelSpec, target: Target, counter: Counter) -> UnknownModelError | None:
    """Why a side does not have the network; None where it has one, working or not."""
    workload = target.session.workload
    try:
        counter(spec, (1, *workload.input_shape[1:]))
    except UnknownModelError as error:
        return error
    except SebenchError:
        return None
    return None


def _why(error: UnknownModelError, model: str) -> str:
    """The reason alone, e.g. ``nets.py has no function 'net'; did you mean 'old_net'?``."""
    return str(error).rpartition(f"unknown model {model!r}: ")[2]
