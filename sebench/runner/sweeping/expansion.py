"""From the axes of a sweep to its cases: expanded, each once, and named by what they are."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from msgspec.structs import asdict

from sebench import models
from sebench.configuration.sweep import AXES, NAMES, Axis, Entry, MeasureSettings, SweepSettings, axis_key
from sebench.errors import Interrupted, SebenchError, UnknownModelError, UsageError
from sebench.files import digests
from sebench.runner.planning.pairs import UsualCandidate, known_candidate, make_pairs, resolve_spec
from sebench.runner.planning.plan import LONGEST_BUDGET_S, shape_said, timing_policy
from sebench.runner.planning.workloads import says_input
from sebench.schema import (
    ASIS,
    ModelSpec,
    Pair,
    WorkloadOption,
    WorkloadRequest,
    parse_variant,
    said,
    spec_identity,
)
from sebench.schema.sweep import Case

_ID_DIGITS = 12
Row = Mapping[str, Any]
"""Values of one case by axis; an axis that nobody named is not in it."""
Code = Callable[[ModelSpec], Sequence[str]]
"""SHA-256 (hex) of the files of the user's that a network is written in."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """The cases of a sweep, and what somebody should know of how they came about."""

    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()


def expand(
    settings: SweepSettings, *, seed: int, usual_candidate: UsualCandidate = known_candidate
) -> Expansion:
    """Every case that is asked for, once, in the order of the axes.

    Entries of ``exclude`` take cases out of the matrix, those of ``include`` are added to what is left.
    Nothing depends on the machine.

    Args:
        settings: what is asked for.
        seed: of the sweep; each case has its own, drawn from it and the id.
        usual_candidate: the variant of a network where none is said.

    Raises:
        UsageError: a model or variant that there is not, no model, an entry of ``include`` that leaves out
            what is not decided, or no case at all.
        Interrupted: after Ctrl-C.
    """
    usual = cache(usual_candidate)  # the same networks come with every workload
    _check_times(settings.measure)
    axes = _with_defaults(settings)
    _check_names(axes)
    rows = [_with_variant(row, settings, usual) for row in _rows(axes)]
    notes = []
    for entry in settings.exclude:
        left = [row for row in rows if not _matches(row, entry)]
        if len(left) == len(rows):
            notes.append(f"warning: {entry.place} excludes nothing")
        rows = left
    rows += [_with_variant(_included(entry, axes), settings, usual) for entry in settings.include]
    if not rows:
        raise UsageError("the matrix is empty: every case is excluded", hint="remove an [[exclude]] entry")
    code = cache(_code)  # the same networks come with every workload
    found: dict[str, Case] = {}
    repeated: dict[str, None] = {}
    for row in rows:
        case = _case(row, settings, seed, code)
        if case.id in found:
            repeated[case_words(case)] = None
        found.setdefault(case.id, case)
    if repeated:
        cases = "1 case is" if len(repeated) == 1 else f"{len(repeated)} cases are"
        notes.append(f"{cases} listed more than once and measured once: {'; '.join(repeated)}")
    return Expansion(tuple(found.values()), tuple(notes))


def shard(cases: Sequence[Case], index: int, count: int) -> tuple[Case, ...]:
    """One of `count` parts of some cases; every case is in exactly one of them, whoever asks.

    Neighbours in the matrix, which take about as long, go to different parts.

    Args:
        cases: all of them.
        index: of the part, from 1.
        count: of parts.
    """
    # By id, not by place: with two threads and two parts, one part would have all cases with one thread.
    mine = {case.id for case in sorted(cases, key=lambda case: case.id)[index - 1 :: count]}
    return tuple(case for case in cases if case.id in mine)


def case_words(case: Case) -> str:
    """A case in the words of a command line, e.g. ``resnet50 se --batch-size 8``."""
    words = (f"{option.option} {value}" for option, value in said(case.request))
    against = () if case.baseline == models.PLAIN else (f"--baseline {case.baseline}",)
    return " ".join((case.model, case.variant, *against, *words))


# --- the matrix -----------------------------------------------------------------------------------------


def _with_defaults(settings: SweepSettings) -> dict[str, Axis]:
    axes = {name: settings.axes[name] for name in AXES if name in settings.axes}
    if "model" not in axes and not settings.include:
        raise UsageError("the matrix has no model", hint="name one: -m resnet50, or model = [...] in [axes]")
    return {"baseline": Axis((models.PLAIN,), "--baseline:"), **axes}


def _rows(axes: Mapping[str, Axis]) -> Iterator[Row]:
    """The matrix; without a model there are only the entries that are included."""
    if "model" not in axes:
        return
    named = [name for name in AXES if name in axes]
    for values in itertools.product(*(axes[name].values for name in named)):
        yield dict(zip(named, values, strict=True))


def _with_variant(row: Row, settings: SweepSettings, usual_candidate: UsualCandidate) -> Row:
    if "variant" in row:
        return row
    request, source = _request(row), models.source_of(row["model"])
    if source.default_variant is not None:
        return {**row, "variant": source.default_variant}
    own_inputs = not says_input(request)
    spec = resolve_spec(row["model"], source.own_variant, settings.options, own_inputs=own_inputs)
    try:
        variant = usual_candidate(spec, shape_said(spec, request))
    except Interrupted:
        raise
    except SebenchError:  # of this case alone, which says so when it is measured
        variant = ASIS
    return {**row, "variant": variant}


def _included(entry: Entry, axes: Mapping[str, Axis]) -> Row:
    row = {name: values[0] for name, values in entry.values.items()}
    for name, axis in axes.items():
        if name in row:
            continue
        if len(axis.values) > 1:
            values = ", ".join(map(str, axis.values))
            raise UsageError(
                f"{entry.place} does not say {axis_key(name)}, which is {values} in [axes]", hint="say which"
            )
        row[name] = axis.values[0]
    if "model" not in row:
        raise UsageError(f"{entry.place} does not say a model", hint="name one")
    _check_names({name: Axis((row[name],), f"{entry.place} {name}:") for name in NAMES if name in row})
    return row


def _matches(row: Row, entry: Entry) -> bool:
    return all(
        _canonical(name, row.get(name)) in {_canonical(name, value) for value in values}
        for name, values in entry.values.items()
    )


def _canonical(name: str, value: Any) -> Any:  # noqa: ANN401 - of any axis
    """One spelling of a value."""
    if name in ("variant", "baseline") and value is not None:
        try:
            return str(parse_variant(value))
        except UsageError:  # a network, or one with a runtime
            return value
    return value if name != "image_size" or value is None else _size(value)


def _size(value: int | str) -> int | str:
    size = models.parse_image_size(str(value))
    return size if isinstance(size, int) else models.image_size_text(size)


def _check_times(measure: MeasureSettings) -> None:
    timing_policy(measure.effort or "quick", budget_s=measure.budget)
    if measure.timeout is not None and measure.timeout > LONGEST_BUDGET_S:
        raise UsageError(f"--timeout {measure.timeout:g} is more than {LONGEST_BUDGET_S} seconds (30 days)")


# --- names ----------------------------------------------------------------------------------------------


def _check_names(axes: Mapping[str, Axis]) -> None:
    """Refuse what no combination can mean: networks that are not there, variants outside the grammar."""
    for name in NAMES:
        axis = axes.get(name)
        for value in axis.values if axis else ():
            try:
                _check_name(name, value)
            except SebenchError as error:
                assert axis is not None  # noqa: S101 - it has values
                raise type(error)(f"{axis.place} {error.message}", hint=error.hint) from None


def _check_name(name: str, value: str) -> None:
    if name == "model":
        models.require(_plain_spec(value))
    elif name == "variant" or not models.names_network(value.partition("@")[0]):
        parse_variant(value.partition("@")[0])


def _plain_spec(model: str) -> ModelSpec:
    return resolve_spec(model, models.source_of(model).own_variant, own_inputs=False)


# --- cases ----------------------------------------------------------------------------------------------


def _case(row: Row, settings: SweepSettings, seed: int, code: Code) -> Case:
    measure = settings.measure
    request = _request(row)
    pair = _pair(row, settings, request)
    described = {
        "sides": _described(pair, code)
        if pair
        else {name: row[name] for name in NAMES} | asdict(settings.options),
        "said": {
            option.parameter: value
            for option, value in said(request)
            if value != _usual(option) or (option.field == "runtime" and models.exported_file(row["model"]))
        },
        "effort": measure.effort or "quick",
        "budget_s": measure.budget,
    }
    text = json.dumps(described, sort_keys=True, default=str)
    case_id = hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]
    return Case(
        id=case_id,
        model=row["model"],
        variant=_canonical("variant", row["variant"]),
        baseline=_canonical("baseline", row["baseline"]),
        request=request,
        options=settings.options,
        effort=measure.effort or "quick",
        budget_s=measure.budget,
        timeout_s=measure.timeout,
        seed=(seed + int(case_id, 16)) % 2**31,
    )


def _request(row: Row) -> WorkloadRequest:
    said_of_workload = {name: value for name, value in row.items() if name not in NAMES}
    if "image_size" in said_of_workload:
        said_of_workload["image_size"] = _size(said_of_workload["image_size"])
    return WorkloadRequest(**said_of_workload)


def _usual(option: WorkloadOption) -> object:
    """What holds where nothing is said, on every machine; files have a runtime of their own."""
    return "inference" if option.field == "phase" else option.default


def _pair(row: Row, settings: SweepSettings, request: WorkloadRequest) -> Pair | None:
    """Both networks; None where they do not go together, which is found again where the case is planned."""
    try:
        (pair,) = make_pairs(
            [row["model"]],
            [row["variant"]],
            row["baseline"],
            options=settings.options,
            own_inputs=not says_input(request),
        )
    except UnknownModelError:
        raise
    except UsageError:
        return None
    return pair


def _described(pair: Pair, code: Code) -> list[object]:
    """Both networks with the content of the files that the user's are written in."""
    sides = (pair.baseline, pair.candidate)
    return [*map(spec_identity, sides), sorted({digest for spec in sides for digest in code(spec)})]


def _code(spec: ModelSpec) -> tuple[str, ...]:
    return tuple(digests(map(str, models.code_files(spec))).values())
