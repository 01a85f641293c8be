"""``sebench count``: parameters, MACs, FLOPs and bytes, exactly and without running anything."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain, guarded, present
from sebench.errors import EXIT_GATE_FAILED, EXIT_OK

if TYPE_CHECKING:
    from sebench.schema import ModelSpec, Phase


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
            help=f"{options.VARIANT_HELP}; default: plain, and se of native networks.",
        ),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    by: Annotated[list[Breakdown], typer.Option("--by", help="Breakdown to show; repeatable.")] = [],  # noqa: B006
    phase: options.PhaseOption = "inference",
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per step.")] = 1,
    image_size: options.ImageSize = None,
    num_classes: options.NumClasses = None,
    stride_in: options.Stride = None,
    dtype: options.DtypeOption = "float32",
    cross_check: Annotated[
        bool, typer.Option("--cross-check", help="Compare with torch, fvcore, thop, ptflops and torchinfo.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="With --cross-check: exit 3 if a difference stays unexplained."),
    ] = False,
    cache: options.Cache = True,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Count parameters, MACs, FLOPs and bytes moved; by op, stage and attention site."""
    from sebench import reporting
    from sebench.models import is_foreign
    from sebench.runner.counting import count_model, default_cache
    from sebench.runner.plan import input_shape, resolve_spec

    check_output(output)
    size = options.parse_image_size(image_size)
    shape_of = {name: input_shape(name, batch_size, size) for name in dict.fromkeys(model)}
    specs = [
        resolve_spec(name, text, num_classes=num_classes, stride_in=stride_in)
        for name in shape_of
        for text in variant or (["plain"] if is_foreign(name) else ["plain", "se"])
    ]
    specs = list(dict.fromkeys(specs))
    if cross_check:
        return _cross_check(
            [(spec, shape_of[spec.model]) for spec in specs], phase, strict, output_format, output
        )
    counts = [
        count_model(
            spec,
            shape_of[spec.model],
            phase=phase,
            dtype=dtype,
            cache=default_cache() if cache else None,
        )
        for spec in specs
    ]
    present(
        output_format,
        output,
        json=lambda: reporting.count_json(counts),
        document=lambda: reporting.count_document(counts, by=[way.value for way in by]),
    )
    return EXIT_OK


def _cross_check(
    networks: list[tuple[ModelSpec, tuple[int, ...]]],
    phase: Phase,
    strict: bool,
    output_format: options.Format,
    output: str,
) -> int:
    from sebench import reporting
    from sebench.runner.cross_checking import cross_check_model

    checks = [cross_check_model(spec, shape, phase=phase) for spec, shape in networks]
    present(
        output_format,
        output,
        json=lambda: reporting.cross_check_json(checks),
        document=lambda: reporting.cross_check_document(checks),
    )
    left = reporting.unexplained(checks)
    for line in left:
        complain(line)
    return EXIT_GATE_FAILED if strict and left else EXIT_OK
