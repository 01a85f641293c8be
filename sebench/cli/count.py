"""``sebench count``: parameters, MACs, FLOPs and bytes, exactly and without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain, guarded, present, say
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_GATE_FAILED, EXIT_OK, UsageError

if TYPE_CHECKING:
    from sebench.models import ImageSize
    from sebench.runner.counting.counter import Counter
    from sebench.schema import ModelSpec, Phase


CountedDtype = Literal["float32", "tf32", "bfloat16", "float16"]
"""What can be counted: which ops autocast casts depends on the device."""


class Breakdown(StrEnum):
    """How to break the totals down (an enum: Typer takes no list of literals)."""

    OP = "op"
    STAGE = "stage"
    SITE = "site"


@guarded
def count(
    model: options.Models,
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            "-v",
            help=f"{options.VARIANT_HELP}; default: plain, and se or what a network of others has itself.",
        ),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    by: Annotated[list[Breakdown], typer.Option("--by", help="Breakdown to show; repeatable.")] = [],  # noqa: B006
    sites: Annotated[
        bool, typer.Option("--sites", help="Show each gate that was found: where, how wide, what it costs.")
    ] = False,
    phase: options.PhaseOption = "inference",
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per step.")] = 1,
    image_size: options.ImageSize = None,
    num_classes: options.NumClasses = None,
    stride_in: options.Stride = None,
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
    from sebench.reporting.contract import count_json
    from sebench.reporting.cost_pictures import check_cost_picture, cost_picture
    from sebench.reporting.counts import count_document
    from sebench.runner.counting.counter import Counter, default_cache
    from sebench.runner.planning.plan import input_shape, resolve_spec
    from sebench.schema import ModelCost

    if cross_check:
        _refuse_of_own_count(by, dtype, plot, sites=sites)
    elif strict:
        raise UsageError("--strict is about the differences between counters", hint="add --cross-check")
    check_output(output)
    check_plot(plot, output)
    size = options.parse_image_size(image_size)
    shape_of = {name: input_shape(name, batch_size, size) for name in dict.fromkeys(model)}
    with Counter(default_cache() if cache else None) as counter:
        specs = dict.fromkeys(
            resolve_spec(name, text, num_classes=num_classes, stride_in=stride_in)
            for name in shape_of
            for text in variant or _usual_variants(name, size, counter, as_named=sites or cross_check)
        )
        if plot is not None:
            check_cost_picture(len(specs))
        if cross_check:
            networks = [(spec, shape_of[spec.model]) for spec in specs]
            return _cross_check(networks, phase, output_format, output, strict=strict, quiet=quiet)
        counts = [
            ModelCost(spec=spec, cost=counter(spec, shape_of[spec.model], phase, dtype, gates=sites))
            for spec in specs
        ]
    present(
        output_format,
        output,
        json=lambda: count_json(counts, sites=sites),
        document=lambda: count_document(counts, by=[way.value for way in by], sites=sites),
    )
    return draw_plot(plot, lambda: cost_picture(counts))


def _usual_variants(
    name: str, size: ImageSize | None, counter: Counter, *, as_named: bool
) -> tuple[str, ...]:
    """What is counted of a network where nobody names a variant.

    Native networks without and with SE. Those of others as they were built, and without their attention.

    Args:
        name: of the network.
        size: of the image; None is the network's own.
        counter: tells whether a network of others has attention.
        as_named: of a network of others only what its name says.
    """
    from sebench.models import PLAIN, source_of

    own = source_of(name).own_variant
    if own == PLAIN:
        return PLAIN, counter.usual_candidate(name, size)
    if as_named or counter.usual_candidate(name, size) != own:
        return (own,)
    return PLAIN, own


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
