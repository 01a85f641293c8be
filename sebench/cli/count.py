"""``sebench count``: parameters, MACs, FLOPs and bytes, exactly and without running anything."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, display_width, emit, guarded, use_color


class Breakdown(StrEnum):
    """How to break the totals down (an enum: Typer takes no list of literals)."""

    OP = "op"
    STAGE = "stage"
    SITE = "site"


@guarded
def count(
    model: options.Models,
    variant: options.Variants = ["plain", "se"],  # noqa: B006 - Typer reads it, nobody mutates it
    by: Annotated[list[Breakdown], typer.Option("--by", help="Breakdown to show; repeatable.")] = [],  # noqa: B006
    phase: options.PhaseOption = "inference",
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per step.")] = 1,
    image_size: options.ImageSize = None,
    num_classes: options.NumClasses = None,
    stride_in: options.Stride = None,
    dtype: options.DtypeOption = "float32",
    cache: options.Cache = True,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Count parameters, MACs, FLOPs and bytes moved; by op, stage and attention site."""
    from sebench import reporting
    from sebench.runner.counting import count_model, default_cache
    from sebench.runner.plan import input_shape, resolve_spec

    check_output(output)
    size = options.parse_image_size(image_size)
    shape_of = {name: input_shape(name, batch_size, size) for name in dict.fromkeys(model)}
    specs = [
        resolve_spec(name, text, num_classes=num_classes, stride_in=stride_in)
        for name in shape_of
        for text in dict.fromkeys(variant)
    ]
    counts = [
        count_model(
            spec,
            shape_of[spec.model],
            phase=phase,
            dtype=dtype,
            cache=default_cache() if cache else None,
        )
        for spec in dict.fromkeys(specs)
    ]
    if output_format == "json":
        text = reporting.count_json(counts)
    else:
        document = reporting.count_document(counts, by=[way.value for way in by])
        text = reporting.render(document, output_format, width=display_width(output), color=use_color(output))
    emit(text, output)
