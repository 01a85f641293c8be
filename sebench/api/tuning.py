"""`tune` for programs: a variant within limits, the gate to drop first, or the fastest spelling."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sebench.api.arguments import one_or_several, require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.naming import Attention, Network, asked_options, network_name, shape_text, variant_name
from sebench.configuration.limits import parse_limit
from sebench.errors import DataFileError
from sebench.models import ImageSize, image_size_text
from sebench.reporting.dropping import drop_answer, drop_document, drop_json, drop_records
from sebench.reporting.search import search_answer, search_document, search_json, search_records
from sebench.reporting.tuning import tuning_answer, tuning_document, tuning_json, tuning_records
from sebench.runner.counting.counter import default_cache
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import drawn_seed
from sebench.runner.planning.workloads import on_this_machine
from sebench.runner.progress import Observer, unobserved
from sebench.runner.tuning.dropping import DropRequest, rank_gates
from sebench.runner.tuning.forms import TuningRequest, tune_forms
from sebench.runner.tuning.mode import tuning_mode
from sebench.runner.tuning.search import SEARCHED_METRICS, SearchRequest, search
from sebench.runner.tuning.space import Axes
from sebench.schema import (
    DropRanking,
    Dtype,
    Effort,
    Limit,
    MemoryFormat,
    Optimizer,
    Phase,
    Preference,
    Quantization,
    Result,
    Runtime,
    Search,
    StrideIn,
    Tuning,
    TuningVerdict,
    WorkloadRequest,
)
from sebench.store import CALIBRATIONS, RESULTS, ResultStore, check_directory

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document


@dataclass(frozen=True, repr=False)
class TuningResult(Display):
    """What tuning found."""

    found: Search | DropRanking | Tuning
    """All of it: variants within limits, gates that can be dropped, or spellings."""
    dry_run: bool = False

    @property
    def best(self) -> str | None:
        """The variant within the limits, the network without its dearest gate, or the fastest spelling.

        None where there is none, or where nothing was measured.
        """
        match self.found:
            case Search(winner=winner):
                return winner
            case DropRanking(gates=(first, *_)) if first.latency is not None:
                return first.variant
            case Tuning(fastest=fastest) if fastest is not None:
                return fastest.variant
        return None

    @property
    def verdict(self) -> TuningVerdict | None:
        """Of the limit on latency, by the second measurement; None without one."""
        return self.found.verdict if isinstance(self.found, Search) else None

    def to_frame(self) -> pd.DataFrame:
        """One row per candidate or gate: the rows and columns of the CSV, typed.

        What was not measured is missing. Params, MACs and bytes are ratios to the plain network, but of gates
        they are counts; latencies are in seconds.
        """
        match self.found:
            case Search():
                return search_records(self.found).to_frame()
            case DropRanking():
                return drop_records(self.found).to_frame()
        return tuning_records(self.found).to_frame()

    def to_json(self) -> str:
        """As ``sebench tune --format json`` prints it."""
        match self.found:
            case Search():
                return search_json(self.found)
            case DropRanking():
                return drop_json(self.found)
        return tuning_json(self.found)

    def document(self) -> Document:
        """What ``sebench tune`` prints."""
        match self.found:
            case Search():
                return search_document(self.found, dry_run=self.dry_run)
            case DropRanking():
                return drop_document(self.found, dry_run=self.dry_run)
        return tuning_document(self.found)

    def __repr__(self) -> str:
        model = self.found.spec.model
        if self.best is None:
            return f"TuningResult({model!r}, best=None: {self._answer()})"
        verdict = "" if self.verdict is None else f", verdict={self.verdict!r}"
        return f"TuningResult({model!r}, best={self.best!r}{verdict})"

    def _answer(self) -> str:
        match self.found:
            case Search():
                return search_answer(self.found, dry_run=self.dry_run)
            case DropRanking():
                return drop_answer(self.found, dry_run=self.dry_run)
        return tuning_answer(self.found)


def tune(
    model: Network,
    *,
    max_overhead: Mapping[str, float] | None = None,
    kinds: Sequence[str] = (),
    axes: Mapping[str, object] | None = None,
    prefer: Preference = "attention",
    drop: bool = False,
    top: int | None = None,
    forms: bool | Sequence[str] = False,
    variant: Attention | None = None,
    dry_run: bool = False,
    device: str = "auto",
    phase: Phase = "inference",
    batch_size: int | None = None,
    image_size: ImageSize | None = None,
    input_shape: Sequence[int] | None = None,
    dtype: Dtype = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    runtime: Runtime = "eager",
    optimizer: Optimizer = "none",
    quantize: Quantization = "none",
    world_size: int = 1,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    example_inputs: Network | None = None,
    confirm: bool = True,
    effort: Effort = "standard",
    budget_s: float | None = None,
    seed: int | None = None,
    save: str | os.PathLike[str] | None = None,
    progress: Observer | None = None,
) -> TuningResult:
    """Find the variant within limits, the gate to drop first, or the fastest spelling of a network.

    With `max_overhead` variants are searched: all are counted, those within the exact limits are measured
    against the plain network in rounds that halve them, and the best is measured again. With `drop` the gates
    of the network are ranked by what dropping them saves. With `forms` alone spellings are compared.

    Example:
        >>> found = sebench.tune("resnet50", max_overhead={"params": 1.04}, dry_run=True)
        >>> [each.variant for each in found.found.candidates if each.fate == "listed"]  # doctest: +SKIP
        ['se(r=32,stages=5)', ..., 'se(stages=2-4)', ...]

    Args:
        model: a name, or a function or class of a module that makes the network.
        max_overhead: largest ratio to the plain network by metric: ``latency``, ``params``, ``macs``,
            ``bytes`` ...
        kinds: of attention to try; none is ``se``.
        axes: values, or sequences of them, to try by option of attention, e.g. ``{"r": 8, "stages": ("2-4",
            "3-5")}``; where nothing is said, r is 8, 16 and 32, and stages are all runs of neighbours.
        prefer: of what is within the limits: ``attention``, as much as fits, or ``cost``, the lowest latency.
        drop: rank gates.
        top: how many gates are measured, those with most bytes; None is 8, or as many as `budget_s` allows.
        forms: spellings to try, e.g. ``("pooled+fused",)``; True is all that are made for the runtime.
        variant: the network as written, for `drop` and `forms`; None is ``asis`` of a network with attention
            of its own, else ``se``.
        dry_run: count only, and say how long measuring takes.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: the accelerator that torch finds, else the CPU.
        phase: ``inference``, or ``training``: forward + backward.
        batch_size: images per step; None is 1, in training 16 on the CPU and 256 elsewhere.
        image_size: side or (height, width) in pixels; None is the network's own.
        input_shape: of the input, batch in front, e.g. ``(1, 80, 300)``; instead of `image_size`.
        dtype: number format.
        memory_format: of input and weights.
        threads: intra-op threads on the CPU, of each process; None is every core that this process may use.
        runtime: how steps run.
        optimizer: ``sgd`` includes the update of the weights in a training step.
        quantize: ``int8`` has the runtime quantize statically, calibrated on seeded inputs.
        world_size: train data-parallel over so many processes, which split the batch.
        num_classes: width of the classifier; None is the network's own.
        stride_in: convolution that strides in bottleneck ResNets: ``1x1`` (None) is v1, ``3x3`` is v1.5.
        model_args: keyword arguments of the network's factory.
        weights: file with a state_dict to load; None leaves random weights.
        insert_after: regular expression for the modules after which attention goes; None is where the paper
            puts it.
        attention_class: class of the modules that are its attention; None finds it by data flow.
        example_inputs: function of the batch size that returns the inputs; None is ``example_inputs`` beside
            the network's function.
        confirm: measure the best again, in fresh processes with another seed.
        effort: how many processes and blocks the last round measures.
        budget_s: seconds of measuring in all, a hard limit; counting is extra.
        seed: fixes weights, orders and pauses; None draws one.
        save: directory for the raw results.
        progress: called in this thread whenever something happened, with a `Progress`.

    Raises:
        UsageError: names, limits or numbers that cannot be meant, or nothing to try.
        BuildError: a network that cannot be built or does not accept the input.
        BudgetError: `budget_s` does not cover all measurements that are planned.
        DeviceError: a device that is not there.
        DataFileError: `save` cannot be written, as found before measuring. Found afterwards, it is a warning.
        KeyboardInterrupt: Ctrl-C; with `save`, what was measured until then is stored.
    """
    require_taken(locals(), required=("model", "kinds", "prefer", "forms", "effort"))
    said = {"variant": variant is not None, "top": top is not None, "dry_run": dry_run}
    said["prefer"] = prefer != "attention"
    mode = tuning_mode(
        [name for name, is_said in said.items() if is_said],
        search=bool(max_overhead or kinds or axes),
        drop=drop,
        forms=bool(forms),
    )
    store = None if save is None or dry_run else ResultStore(Path(save))
    if store is not None:
        check_directory(store.directory)
    asked: dict[str, Any] = {
        "model": network_name(model),
        "workload": on_this_machine(
            WorkloadRequest(
                device=device,
                phase=phase,
                batch_size=batch_size,
                image_size=None if image_size is None else image_size_text(image_size),
                input_shape=shape_text(input_shape),
                dtype=dtype,
                memory_format=memory_format,
                threads=threads,
                runtime=runtime,
                optimizer=optimizer,
                quantize=quantize,
                world_size=world_size,
            )
        ),
        "options": asked_options(
            num_classes=num_classes,
            stride_in=stride_in,
            model_args=model_args,
            weights=weights,
            insert_after=insert_after,
            attention_class=attention_class,
            example_inputs=example_inputs,
        ),
        "effort": effort,
        "budget_s": budget_s,
        "seed": drawn_seed(seed),
        "confirm": confirm,
    }
    context = RunContext(
        cache=default_cache(),
        argv=("sebench", "tune", "--model", asked["model"]),
        observer=progress or unobserved,
        calibrations=Calibrations(CALIBRATIONS),
        results=ResultStore(RESULTS) if store is None else store,
    )
    written = None if variant is None else variant_name(variant)
    named = () if isinstance(forms, bool) else tuple(forms)

    def keep(result: Result) -> None:
        if store is not None:
            _keep(result, store)

    with guarded():
        if mode == "search":
            request = SearchRequest(
                **asked,
                axes=Axes(
                    kinds=tuple(kinds),
                    options={
                        name: tuple(map(str, one_or_several(given))) for name, given in (axes or {}).items()
                    },
                    forms=named,
                    all_forms=forms is True,
                ),
                limits=tuple(_limit(metric, ratio) for metric, ratio in (max_overhead or {}).items()),
                prefer=prefer,
                dry_run=dry_run,
            )
            return TuningResult(search(request, context, keep), dry_run)
        if mode == "drop":
            ranking = rank_gates(
                DropRequest(**asked, variant=written, top=top, dry_run=dry_run), context, keep
            )
            return TuningResult(ranking, dry_run)
        return TuningResult(tune_forms(TuningRequest(**asked, variant=written, forms=named), context, keep))


def _limit(metric: str, ratio: float) -> Limit:
    name, number = parse_limit(f"{metric}:{ratio!r}", taken=SEARCHED_METRICS)
    return Limit(metric=name, ratio=number)


def _keep(result: Result, store: ResultStore) -> None:
    try:
        store.add(result)
    except DataFileError as error:  # no reason to lose what was measured
        warnings.warn(f"the result is not stored: {error}", stacklevel=5)
