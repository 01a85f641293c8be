"""``sebench compare --from A B``: stored results against each other. Measures nothing, needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, complain, present
from sebench.cli._options import given
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_INCONCLUSIVE, UsageError

# What chooses results, and what presents them; everything else is about measuring.
_WITH_FROM = frozenset(
    (
        "sides",
        "model",
        "variant",
        "baseline",
        "directory",
        "output_format",
        "output",
        "plot",
        "quiet",
        "debug",
    )
)


def refuse_measuring_options(
    context: typer.Context, option: str = "--from", allowed: Collection[str] = _WITH_FROM
) -> None:
    """Nothing is measured with ``--from``, so an option about measuring is a misunderstanding.

    Args:
        context: of the command.
        option: that measures nothing.
        allowed: names of the parameters that it may be combined with.

    Raises:
        UsageError: names the first other one.
    """
    wrong = given(context) - set(allowed)
    for parameter in context.command.params:
        if parameter.name in wrong:
            raise UsageError(
                f"{parameter.opts[0]} cannot be combined with {option}, which measures nothing",
                hint="leave it out",
            )


def compare_stored(
    sides: tuple[Path, Path],
    directory: Path | None,
    *,
    models: Sequence[str],
    variants: Sequence[str],
    baseline: str | None,
    output_format: options.Format,
    output: str,
    plot: Path | None,
    quiet: bool,
) -> int:
    """Present what changed from the first side to the second.

    Args:
        sides: a file, a directory or an id each.
        directory: where ids are looked up; None is the usual one.
        models: only results of these; all, if empty.
        variants: only these candidates; all, if empty.
        baseline: only results against this one; any, if None.
        output_format: of the output.
        output: where to.
        plot: file for the picture; None for none.
        quiet: errors only on standard error.

    Returns:
        4 where nothing could be compared.

    Raises:
        DataFileError: a side cannot be read.
    """
    from sebench.analysis.change import changes
    from sebench.reporting.change import change_document, change_json
    from sebench.reporting.ratio_picture import change_picture

    check_output(output)
    check_plot(plot, output)
    about = partial(stored.is_about, models=models, variants=variants, baseline=baseline)
    before, after = (
        [result for result in stored.named_results([str(side)], directory, quiet=quiet) if about(result.pair)]
        for side in sides
    )
    found = changes(before, after)
    present(
        output_format,
        output,
        json=lambda: change_json(found),
        document=lambda: change_document(found),
    )
    if any(metric.verdict != "not comparable" for change in found for metric in change.metrics):
        return draw_plot(plot, lambda: change_picture(found))
    complain("nothing was compared: no pair has a metric that both sides measured alike")
    return EXIT_INCONCLUSIVE
