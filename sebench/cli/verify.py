"""``sebench verify``: recomputes every published cost figure and says which hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, guarded, present
from sebench.errors import EXIT_GATE_FAILED, EXIT_OK, UsageError, near_matches

if TYPE_CHECKING:
    from sebench.paper.audit import Audit
    from sebench.paper.figures import PublishedFigure
    from sebench.paper.quantities import Count
    from sebench.paper.scores import ConventionScore
    from sebench.paper.verdicts import AuditedFigure

_USUAL_CONVENTION = "paper"
ClassName = Literal["reproduced", "within_tolerance", "contradicted", "not_reproducible", "quoted_only"]


@guarded
def verify(
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", help="CSV file of your own figures (source,model,variant,metric,value,note)."
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Only sources that contain this text, e.g. 'Table 2'.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only this network, as printed, e.g. ResNet-50.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Only this metric, e.g. gflops.")] = None,
    verdict: Annotated[
        ClassName | None,
        typer.Option(
            "--class", metavar="CLASS", help=f"Only these figures: {', '.join(get_args(ClassName))}."
        ),
    ] = None,
    convention: Annotated[
        str | None,
        typer.Option("--convention", help="How operations are counted; default: paper; see --conventions."),
    ] = None,
    conventions: Annotated[
        bool, typer.Option("--conventions", help="Show how many figures each counting convention reproduces.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 3 if a figure is contradicted (secondary notes excepted)."),
    ] = False,
    cache: options.Cache = True,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Recompute published cost figures and say which hold, and why."""
    from sebench.paper.audit import Audit, audit
    from sebench.paper.conventions import convention_named
    from sebench.paper.figures import published_figures, read_figures
    from sebench.reporting.verification import (
        conventions_document,
        conventions_json,
        verification_document,
        verification_json,
    )
    from sebench.runner.counting.auditing import counter, known_models
    from sebench.runner.counting.counter import default_cache

    check_output(output)
    if conventions:
        _refuse({"--convention": convention, "--class": verdict, "--strict": strict})
    chosen = convention_named(convention or _USUAL_CONVENTION)
    file = "data/published.csv" if figures is None else str(figures)
    printed = published_figures() if figures is None else read_figures(figures)
    count, known = counter(default_cache() if cache else None), known_models()
    wanted = _filtered(printed, "--source", source, lambda figure: figure.source, contains=True)
    wanted = _filtered(wanted, "--model", model, lambda figure: figure.model)
    wanted = _filtered(wanted, "--metric", metric, lambda figure: figure.metric)
    if conventions:
        scores = _scores(wanted, count, known, file=file, own=figures is not None)
        present(
            output_format,
            output,
            json=lambda: conventions_json(scores),
            document=lambda: conventions_document(scores),
        )
        return EXIT_OK
    found = audit(
        wanted,
        convention=chosen,
        count=count,
        known_models=known,
        file=file,
        context=printed,
    )
    if verdict is not None:
        found = Audit(convention=found.convention, figures=_of_class(found, verdict))
    with_quoted = output_format != "table" or verdict == "quoted_only"
    present(
        output_format,
        output,
        json=lambda: verification_json(found),
        document=lambda: verification_document(found, with_quoted=with_quoted),
    )
    return EXIT_GATE_FAILED if strict and found.is_contradicted else EXIT_OK


def _refuse(options: Mapping[str, object]) -> None:
    """What says something about single verdicts has no meaning where conventions are compared."""
    given = next((option for option, value in options.items() if value), None)
    if given:
        raise UsageError(
            f"{given} cannot be combined with --conventions, which covers all figures",
            hint="leave one of the two out",
        )


def _scores(
    figures: Sequence[PublishedFigure], count: Count, known: frozenset[str], *, file: str, own: bool
) -> Mapping[str, Sequence[ConventionScore]]:
    from sebench.paper.conventions import CONVENTIONS
    from sebench.paper.scores import GROUPS, OWN_GROUPS, score

    groups = OWN_GROUPS if own else GROUPS
    return {
        name: tuple(score(figures, convention, count, known, groups=groups, file=file))
        for name, convention in CONVENTIONS.items()
    }


def _filtered(
    figures: Sequence[PublishedFigure],
    option: str,
    text: str | None,
    read: Callable[[PublishedFigure], str],
    *,
    contains: bool = False,
) -> Sequence[PublishedFigure]:
    """The figures that an option asks for; asking for none is a mistake."""
    if text is None:
        return figures
    wanted = text.casefold()
    found = [
        figure
        for figure in figures
        if (wanted in read(figure).casefold() if contains else wanted == read(figure).casefold())
    ]
    if not found:
        values = dict.fromkeys(read(figure) for figure in figures)
        hint = near_matches(text, values) or f"there are {', '.join(filter(None, values))}"
        raise UsageError(f"{option} {text!r} matches no figure", hint=hint)
    return found


def _of_class(audit: Audit, verdict: ClassName) -> tuple[AuditedFigure, ...]:
    found = tuple(audited for audited in audit.figures if audited.verdict == verdict)
    if not found:
        raise UsageError(f"--class {verdict}: no figure is of this class here")
    return found
