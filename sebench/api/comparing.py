"""`compare` for programs: the same plan, processes, statistics and command as on the command line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sebench.analysis.comparison import compare as conclude
from sebench.api.arguments import require_taken
from sebench.api.comparison_result import ComparisonResult
from sebench.api.guard import guarded
from sebench.api.naming import Attention, Network, asked_options, network_name, shape_text, variant_name
from sebench.errors import DataFileError
from sebench.models import PLAIN, ImageSize, image_size_text, names_network
from sebench.runner.counting.counter import default_cache
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import make_plan
from sebench.runner.planning.workloads import on_this_machine
from sebench.runner.progress import Observer, unobserved
from sebench.schema import (
    WORKLOAD_OPTIONS,
    Dtype,
    Effort,
    MemoryFormat,
    Optimizer,
    Pair,
    Phase,
    Plan,
    Quantization,
    Result,
    Runtime,
    StrideIn,
    Workload,
    WorkloadRequest,
    network_arguments,
)
from sebench.store import CALIBRATIONS, RESULTS, ResultStore, check_directory


def equivalent_command(plan: Plan) -> tuple[str, ...]:
    """Words of the ``sebench compare`` command for a plan of one pair.

    Args:
        plan: as `make_plan` returns it; of two workloads the last is the one that options are about.
    """
    session, policy = plan.sessions[-1], plan.policy
    workload = session.workload
    budget = ("--budget", f"{policy.budget_s:g}") if policy.hard_budget else ()
    memory = () if workload.phase == "inference" else ("--memory" if plan.memory else "--no-memory",)
    energy = ("--energy",) if plan.energy else ()
    return (
        *("sebench", "compare"),
        *(word for item in _pair_options(session.pair).items() for word in item),
        *network_arguments(session.pair.candidate),
        *_workload_arguments(workload, with_phase=len(plan.sessions) == 1),
        *("--effort", policy.effort),
        *budget,
        *("--seed", str(plan.seed)),
        *memory,
        *energy,
    )


def _workload_arguments(workload: Workload, *, with_phase: bool) -> Iterator[str]:
    """What is always stated, and whatever else is not as usual."""
    for option in WORKLOAD_OPTIONS:
        if option.is_usual(workload) and not option.always:
            continue
        if option.field != "phase" or with_phase:
            yield from option.arguments(workload)


def _pair_options(pair: Pair) -> dict[str, str]:
    baseline, candidate = pair.baseline, pair.candidate
    own = {side: f"@{side.runtime}" if side.runtime else "" for side in (baseline, candidate)}
    if baseline.model == candidate.model and any(own.values()):
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant + own[baseline],
            "--candidate": candidate.variant + own[candidate],
        }
    if baseline.model == candidate.model:
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant,
            "--variant": candidate.variant,
        }
    if names_network(baseline.model) and names_network(candidate.model):
        return {
            "--baseline": baseline.model + own[baseline],
            "--candidate": candidate.model + own[candidate],
        }
    if names_network(candidate.model):
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant,
            "--candidate": candidate.model,
        }
    return {"--model": candidate.model, "--baseline": baseline.model, "--variant": candidate.variant}


def compare(
    model: Network | None = None,
    *,
    variant: Attention | None = None,
    baseline: Network = PLAIN,
    candidate: Network | None = None,
    device: str = "auto",
    phase: Phase | None = None,
    batch_size: int | None = None,
    image_size: ImageSize | None = None,
    input_shape: Sequence[int] | None = None,
    dtype: Dtype = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    runtime: Runtime | None = None,
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
    memory: bool | None = None,
    energy: bool = False,
    effort: Effort = "standard",
    budget_s: float | None = None,
    seed: int | None = None,
    save: str | os.PathLike[str] | None = None,
    progress: Observer | None = None,
    execution: Runtime | None = None,
) -> ComparisonResult:
    """Count and time a pair of networks together, in worker processes of their own.

    Takes what the effort aims at: about half a minute (``quick``), one and a half (``standard``), ten
    (``rigorous``), more where the fewest blocks of a slow network take more; `budget_s` overrides it. Another
    measurement on the same device is waited for.

    Args:
        model: whose variants are compared; not needed between two networks.
        variant: of the candidate; None is ``asis`` of a network with attention of its own, else ``se``.
        baseline: a variant of `model`, or a network.
        candidate: a network (or variant), instead of `variant`.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: the accelerator that torch finds, else the CPU.
        phase: ``inference``, or ``training``: forward + backward. None is what the paper reports:
            inference on the CPU, on a GPU both.
        batch_size: images per step; None is 1, in training 16 on the CPU and 256 elsewhere.
        image_size: side or (height, width) in pixels; None is the network's own.
        input_shape: of the input, batch in front, e.g. ``(1, 80, 300)``; instead of `image_size`.
        dtype: number format.
        memory_format: of input and weights.
        threads: intra-op threads on the CPU, of each process; None is every core that this process may use.
        runtime: how steps run; None is ``eager``, or one that reads the network's file.
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
        memory: measure peak memory of training steps; None does, but for ``quick``.
        energy: measure energy per step, beyond the budget: about 2.5 minutes per workload.
        effort: how many processes and blocks to measure.
        budget_s: seconds of measuring, a hard limit; counting, memory and energy are extra.
        seed: fixes weights, orders and pauses; None draws one, which the result records.
        save: directory for the raw result.
        progress: called in this thread whenever something happened, with a `Progress`: what goes on, how long
            it has taken and will take, the ratio so far. From the first ``measuring`` on, which comes before
            any block is timed, the time left is what the networks take. Timing goes on meanwhile in another
            process, so it should return at once; what it raises ends the measurement.
        execution: the name of `runtime` until 1.0.

    Raises:
        UsageError: names or numbers that cannot be meant.
        BuildError: a network that cannot be built or does not accept the input.
        DeviceError: a device that is not there.
        DataFileError: `save` cannot be written, as found before measuring. Found afterwards, it is a warning,
            and the result is returned.
        KeyboardInterrupt: Ctrl-C; with `save`, what was measured until then is stored.
    """
    require_taken(locals(), required=("baseline", "effort"))
    plan = make_plan(
        names=() if model is None else (network_name(model),),
        variants=() if variant is None else (variant_name(variant),),
        baseline=network_name(baseline),
        candidate=None if candidate is None else network_name(candidate),
        workload=on_this_machine(
            WorkloadRequest(
                device=device,
                phase=phase,
                batch_size=batch_size,
                image_size=None if image_size is None else image_size_text(image_size),
                input_shape=shape_text(input_shape),
                dtype=dtype,
                memory_format=memory_format,
                threads=threads,
                runtime=execution or runtime,
                optimizer=optimizer,
                quantize=quantize,
                world_size=world_size,
            )
        ),
        seed=seed,
        effort=effort,
        budget_s=budget_s,
        options=asked_options(
            num_classes=num_classes,
            stride_in=stride_in,
            model_args=model_args,
            weights=weights,
            insert_after=insert_after,
            attention_class=attention_class,
            example_inputs=example_inputs,
        ),
        memory=memory,
        energy=energy,
        usual_candidate=RunContext(cache=default_cache()).usual_candidate,
    )
    with guarded():
        result = _measure(plan, None if save is None else ResultStore(Path(save)), progress or unobserved)
    return ComparisonResult(comparison=conclude(result), result=result)


def _measure(plan: Plan, store: ResultStore | None, observer: Observer) -> Result:
    """The result of a plan of one pair, stored as soon as it exists."""
    if store is not None:
        check_directory(store.directory)
    results = []
    context = RunContext(
        cache=default_cache(),
        argv=equivalent_command(plan),
        observer=observer,
        calibrations=Calibrations(CALIBRATIONS),
        results=ResultStore(RESULTS) if store is None else store,
    )
    for result in run(plan, context):
        if store is not None and result.has_samples:
            _keep(result, store)
        results.append(result)
    (result,) = results
    return result


def _keep(result: Result, store: ResultStore) -> None:
    try:
        store.add(result)
    except DataFileError as error:  # no reason to lose what was measured
        warnings.warn(f"the result is not stored: {error}", stacklevel=4)
