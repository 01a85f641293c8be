"""``sebench count``: parameters, MACs, FLOPs and bytes, exactly and without running anything."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, display_width, emit, guarded, use_color


class Breakdown(StrEnum):
    """How to break the totals down."""

    OP = "op"
    STAGE = "stage"
    SITE = "site"


@guarded
def count(
    model: options.Models,
    variant: options.Variants = ["plain", "se"],  # noqa: B006 - Typer reads it, nobody mutates it
    by: Annotated[list[Breakdown], typer.Option("--by", help="Breakdown to show; repeatable.")] = [],  # noqa: B006
    phase: options.PhaseOption = options.PhaseName.INFERENCE,
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per step.")] = 1,
    image_size: options.ImageSize = None,
    num_classes: options.NumClasses = None,
    stride_in: options.Stride = None,
    dtype: options.DtypeOption = options.Dtype.FLOAT32,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Use counts kept from earlier runs.")] = True,
    output_format: options.FormatOption = options.Format.TABLE,
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Count parameters, MACs, FLOPs and bytes moved; by op, stage and attention site."""
    from sebench.reporting.contract import count_json
    from sebench.counting import count_model, default_cache
    from sebench.plan import count_spec, input_shape

    check_output(output)
    shape_of = {name: input_shape(name, batch_size, image_size) for name in dict.fromkeys(model)}
    specs = [
        count_spec(name, text, num_classes=num_classes, stride_in=stride_in and stride_in.value)
        for name in shape_of
        for text in dict.fromkeys(variant)
    ]
    counts = [
        count_model(
            spec,
            shape_of[spec.model],
            phase=phase.value,
            dtype=dtype.value,
            cache=default_cache() if cache else None,
        )
        for spec in dict.fromkeys(specs)
    ]
    if output_format is options.Format.JSON:
        text = reporting.count_json(counts)
    else:
        document = reporting.count_document(counts, by=[way.value for way in by])
        text = reporting.render(
            document, output_format.value, width=display_width(output), color=use_color(output)
        )
    emit(text, output)
