"""``sebench count``: parameters, MACs, FLOPs and bytes, exactly and without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain, guarded, present, say
from sebench.cli._options import takes_network
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_GATE_FAILED, EXIT_OK, UsageError
from sebench.schema import (
    NO_OPTIONS,
    NetworkOptions,
    WorkloadRequest,
)

if TYPE_CHECKING:
    from sebench.reporting.chart import Picture
    from sebench.reporting.document import Document
    from sebench.runner.counting.counter import Counter
    from sebench.schema import ModelCost, ModelSpec, Phase, Runtime


CountedDtype = Literal["float32", "tf32", "bfloat16", "float16"]
"""What can be counted: which ops autocast casts depends on the device."""


class Breakdown(StrEnum):
    """How to break the totals down (an enum: Typer takes no list of literals)."""

    OP = "op"
    STAGE = "stage"
    SITE = "site"


@guarded
@takes_network(without=("weights",))
def count(
    model: options.Models,
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            "-v",
            help=f"{options.VARIANT_HELP}; default: plain and se; of networks of others asis, and plain "
            "where they have attention.",
        ),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    by: Annotated[list[Breakdown], typer.Option("--by", help="Breakdown to show; repeatable.")] = [],  # noqa: B006
    sites: Annotated[
        bool, typer.Option("--sites", help="Show each gate that was found: where, how wide, what it costs.")
    ] = False,
    runtime: Annotated[
        options.RuntimeName | None,
        typer.Option("--runtime", help="With --graph: whose graph to read."),
    ] = None,
    graph: Annotated[
        bool,
        typer.Option("--graph", help="Count the nodes of the graph that a runtime makes of plain and SE."),
    ] = False,
    phase: options.PhaseOption = "inference",
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per step.")] = 1,
    image_size: options.ImageSize = None,
    input_shape: options.InputShape = None,
    network: NetworkOptions = NO_OPTIONS,
    attention: options.Attention = [],  # noqa: B006
    dtype: Annotated[CountedDtype, typer.Option("--dtype", help="Number format.")] = "float32",
    cross_check: Annotated[
        bool,
        typer.Option("--cross-check", help="Compare MACs with torch, fvcore, thop, ptflops and torchinfo."),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="With --cross-check: exit with 3 if a difference is unexplained."),
    ] = False,
    cache: options.Cache = True,
    plot: options.Plot = None,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Count parameters, MACs, FLOPs and bytes of networks.

    Exact, from shapes alone: no weights are needed and nothing is timed.
    """
    from sebench.models import source_of
    from sebench.runner.counting.counter import Counter, default_cache
    from sebench.runner.planning.inputs import batch_of, parse_input_shape
    from sebench.runner.planning.inputs import input_shape as shape_of
    from sebench.runner.planning.pairs import resolve_spec
    from sebench.schema import ModelCost

    whose = None if runtime is None else cast("Runtime", runtime.value)
    if graph or whose is not None:
        _require_graph_alone(whose, graph=graph, others=bool(by or sites or cross_check or strict or plot))
    if cross_check:
        _refuse_of_own_count(by, dtype, plot, sites=sites)
    elif strict:
        raise UsageError("--strict is about the differences between counters", hint="add --cross-check")
    check_output(output)
    check_plot(plot, output)
    size = options.parse_image_size(image_size)
    said = None if input_shape is None else parse_input_shape(input_shape)
    batch = batch_of(said, batch_size) or batch_size
    variants = options.with_attention(variant, attention)
    if whose is not None:
        request = WorkloadRequest(
            device="cpu",
            phase=phase,
            batch_size=None if batch_size == 1 else batch_size,  # a file may have another
            image_size=image_size,
            input_shape=input_shape,
            dtype=dtype,
            runtime=whose,
        )
        return _graphs(model, variants, request, network, output_format, output, cache=cache, quiet=quiet)

    def resolved(name: str, text: str) -> tuple[ModelSpec, tuple[int, ...]]:
        spec = resolve_spec(name, text, network, own_inputs=size is None and said is None)
        return spec, shape_of(spec, batch, size=size, shape=said)

    named = [resolved(name, source_of(name).own_variant) for name in dict.fromkeys(model)]
    with Counter(default_cache() if cache else None) as counter:
        networks = dict.fromkeys(
            resolved(spec.model, text)
            for spec, shape in named
            for text in variants or _usual_variants(spec, shape, counter, as_named=sites or cross_check)
        )
        if plot is not None:
            from sebench.reporting.cost_pictures import check_cost_picture

            check_cost_picture(len(networks))
        if cross_check:
            return _cross_check(tuple(networks), phase, output_format, output, strict=strict, quiet=quiet)
        counts = [
            ModelCost(spec=spec, cost=counter(spec, shape, phase, dtype, gates=sites))
            for spec, shape in networks
        ]
    present(
        output_format,
        output,
        json=lambda: _json(counts, sites=sites),
        document=lambda: _document(counts, by, sites=sites),
    )
    return draw_plot(plot, lambda: _picture(counts))


def _json(counts: Sequence[ModelCost], *, sites: bool) -> str:
    from sebench.reporting.contract import count_json

    return count_json(counts, sites=sites)


def _document(counts: Sequence[ModelCost], by: Sequence[Breakdown], *, sites: bool) -> Document:
    from sebench.reporting.counts import count_document

    return count_document(counts, by=[way.value for way in by], sites=sites)


def _picture(counts: Sequence[ModelCost]) -> Picture:
    from sebench.reporting.cost_pictures import cost_picture

    return cost_picture(counts)


def _usual_variants(
    spec: ModelSpec, shape: tuple[int, ...], counter: Counter, *, as_named: bool
) -> tuple[str, ...]:
    """What is counted of a network where nobody names a variant.

    Native networks without and with SE. Those of others as they were built, and without their attention.

    Args:
        spec: the network as it is by its name.
        shape: of its input.
        counter: tells whether a network of others has attention.
        as_named: of a network of others only what its name says.
    """
    from sebench.graphs.model_files import OPENVINO
    from sebench.models import PLAIN, source_of

    own = spec.variant
    if source_of(spec.model).is_file and not as_named:
        as_named = not counter(spec, shape).gates
    if spec.model.endswith(OPENVINO):  # nothing is taken out of these
        return (own,)
    if own == PLAIN:
        return PLAIN, counter.usual_candidate(spec, shape)
    if as_named or counter.usual_candidate(spec, shape) != own:
        return (own,)
    return PLAIN, own


def _require_graph_alone(runtime: Runtime | None, *, graph: bool, others: bool) -> None:
    """A graph has nodes, and none of what torch's ops are counted by."""
    if not graph:
        raise UsageError("--runtime says whose graph to read", hint="add --graph")
    if runtime is None:
        raise UsageError(
            "--graph needs to know whose graph", hint="add --runtime onnxruntime, openvino or compile"
        )
    if others:
        raise UsageError(
            "--graph counts nodes: it goes with none of --by, --sites, --cross-check, --strict and --plot",
            hint="leave these out",
        )
    from sebench.runner.graphing import require_graph

    require_graph(runtime, "leave --graph and --runtime out")


def _graphs(
    model: Sequence[str],
    variants: Sequence[str],
    workload: WorkloadRequest,
    network: NetworkOptions,
    output_format: options.Format,
    output: str,
    *,
    cache: bool,
    quiet: bool,
) -> int:
    """Exports the networks; nothing is timed."""
    from sebench.profilers.environment import capture_environment
    from sebench.reporting.runtime_graph import graph_document, graph_json
    from sebench.runner.counting.counter import default_cache
    from sebench.runner.graphing import run_graphs
    from sebench.runner.measuring.context import RunContext
    from sebench.runner.planning.plan import make_plan
    from sebench.runner.planning.workloads import on_this_machine

    plan = make_plan(
        names=model,
        variants=variants,
        seed=0,
        effort="quick",
        workload=on_this_machine(workload),
        options=network,
        usual_candidate=RunContext(cache=default_cache() if cache else None).usual_candidate,
    )
    found, _ = run_graphs(
        plan,
        capture_environment(),
        timed=False,
        announce=lambda session: None if quiet else say(f"reading the graphs of {session.pair.title}"),
    )
    present(output_format, output, json=lambda: graph_json(found), document=lambda: graph_document(found))
    return EXIT_OK


def _refuse_of_own_count(
    by: Sequence[Breakdown], dtype: CountedDtype, plot: Path | None, *, sites: bool
) -> None:
    """Other counters have neither breakdowns nor number formats, and agreement has no picture."""
    ignored = f"--by {by[0].value}" if by else "" if dtype == "float32" else f"--dtype {dtype}"
    ignored = ignored or ("--plot" if plot else "") or ("--sites" if sites else "")
    if ignored:
        raise UsageError(
            f"{ignored} cannot be combined with --cross-check, which compares MACs",
            hint="leave one of the two out",
        )


def _cross_check(
    networks: Sequence[tuple[ModelSpec, tuple[int, ...]]],
    phase: Phase,
    output_format: options.Format,
    output: str,
    *,
    strict: bool,
    quiet: bool,
) -> int:
    from sebench.reporting.cross_check import cross_check_document, cross_check_json, unexplained
    from sebench.runner.counting.counter import Counter

    with Counter(None) as counter:
        checks = [counter.cross_check(spec, shape, phase) for spec, shape in networks]
    present(
        output_format,
        output,
        json=lambda: cross_check_json(checks),
        document=lambda: cross_check_document(checks),
    )
    left = unexplained(checks)
    if strict:
        for line in left:
            complain(line)
        return EXIT_GATE_FAILED if left else EXIT_OK
    if not quiet:
        for line in left:
            say(f"warning: {line}")
    return EXIT_OK
