"""``sebench check``: the gate. Exit 0: passed; 3: failed; 4: inconclusive, or nothing to compare."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.analysis.unjudged import EXIT_CODES, SAID
from sebench.cli import _options as options
from sebench.cli._boundary import (
    check_output,
    complain,
    complain_of_unstored,
    emit,
    guarded,
    present,
    show_findings,
)
from sebench.cli._ci import write_ci_outputs
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import takes_network, takes_workload
from sebench.errors import (
    EXIT_ERROR,
    EXIT_GATE_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_OK,
    DataFileError,
)
from sebench.schema import (
    NO_OPTIONS,
    NOTHING_SAID,
    Effort,
    Gate,
    NetworkOptions,
    OnInconclusive,
    WorkloadRequest,
    attributed,
    subjects_of_checks,
)
from sebench.store import ATTEMPTS, check_writable

if TYPE_CHECKING:
    from sebench.configuration import Configuration

_EXITS = {
    "passed": EXIT_OK,
    "failed": EXIT_GATE_FAILED,
    "inconclusive": EXIT_INCONCLUSIVE,
    "not_comparable": EXIT_INCONCLUSIVE,
}


@guarded
@takes_network()
@takes_workload(phase_help="Default: as the metric needs; on a GPU training.", defaults=False)
def check(
    context: typer.Context,
    model: options.Models = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: Annotated[
        list[str],
        typer.Option("--variant", "-v", help=f"{options.VARIANT_HELP}; {options.USUAL_CANDIDATE}."),
    ] = [],  # noqa: B006
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="Variant or factory that the limit is relative to; default: plain."),
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(
            "--candidate",
            metavar="FACTORY",
            help="Factory (FILE.py:new) to compare with the one of --baseline.",
        ),
    ] = None,
    base_ref: Annotated[
        str | None,
        typer.Option("--base-ref", help="Branch, tag or commit to compare this tree's --model with."),
    ] = None,
    against: Annotated[
        list[Path], typer.Option("--against", help="Stored result to compare with; repeatable.")
    ] = [],  # noqa: B006
    max_overhead: Annotated[
        list[str],
        typer.Option("--max-overhead", help="Largest ratio of variant to baseline; repeatable."),
    ] = [],  # noqa: B006
    margin: Annotated[
        list[str],
        typer.Option("--margin", help="Largest ratio of new to old; 1.05 allows 5 %; repeatable."),
    ] = [],  # noqa: B006
    lock: Annotated[
        Path | None,
        typer.Option("--lock", help="Lock file to compare exact costs with; default: as configured."),
    ] = None,
    workload: WorkloadRequest = NOTHING_SAID,
    network: NetworkOptions = NO_OPTIONS,
    attention: options.Attention = [],  # noqa: B006
    effort: Annotated[
        Effort | None,
        typer.Option("--effort", help="How long to measure: quick, 1 process; standard, 6; rigorous, 12."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", help="Time limit of measuring, shared by what is timed; rules out an extension."
        ),
    ] = None,
    seed: options.Seed = None,
    on_inconclusive: Annotated[
        OnInconclusive | None,
        typer.Option("--on-inconclusive", help="Whether inconclusive checks pass (exit 0) or fail (exit 4)."),
    ] = None,
    attempts: Annotated[
        Path, typer.Option("--attempts", help="Directory of samples, which repeated checks pool.")
    ] = ATTEMPTS,
    calibrations: options.Calibrations = options.CALIBRATIONS,
    no_save: Annotated[bool, typer.Option("--no-save", help="Neither store samples nor pool them.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML.")] = None,
    dump_config: Annotated[
        bool, typer.Option("--dump-config", help="Print the checks as sebench.toml, and stop.")
    ] = False,
    cache: options.Cache = True,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Compare costs with limits, for CI.

    Without options it takes the checks from sebench.toml or pyproject.toml. The confidence interval decides:
    passed if all of it is within the limit, failed if all of it is beyond, otherwise inconclusive after one
    extension of the measurement.
    """
    from sebench.configuration import Asked, configuration_of, dump_configuration, lock_of

    check_output(output)
    options.parse_image_size(workload.image_size)
    if junit is not None:
        check_writable(junit)
    asked = Asked(
        models=model,
        variants=options.with_attention(variant, attention),
        baseline=baseline,
        candidate=candidate,
        base_ref=base_ref,
        against=against,
        max_overhead=max_overhead,
        margin=margin,
        workload=workload,
        network=network,
    )
    configuration = configuration_of(
        asked, Path(), effort=effort, budget_s=budget, on_inconclusive=on_inconclusive
    )
    if dump_config:
        emit(dump_configuration(configuration), output)
        return EXIT_OK
    not_stored: list[DataFileError] = []
    gate = _run(
        context,
        configuration,
        lock_file=lock or lock_of(configuration, asked),
        seed=seed,
        cache=cache,
        attempts=None if no_save else attempts,
        calibrations=calibrations,
        written=(attempts, calibrations, *((junit,) if junit else ()), Path(output), *_redirections()),
        not_stored=not_stored.append,
        quiet=quiet,
    )
    _present(gate, output_format, output, junit=junit, quiet=quiet)
    complain_of_unstored(not_stored)
    return _exit_code(gate) or (EXIT_ERROR if not_stored else EXIT_OK)


def _redirections() -> Iterator[Path]:
    """Files that a shell sends standard output and error to, as far as the system tells."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            path = Path(f"/proc/self/fd/{number}").readlink()
            if path.is_file():
                yield path


def _run(
    context: typer.Context,
    configuration: Configuration,
    *,
    lock_file: Path | None,
    seed: int | None,
    cache: bool,
    attempts: Path | None,
    calibrations: Path,
    written: tuple[Path, ...],
    not_stored: Callable[[DataFileError], None],
    quiet: bool,
) -> Gate:
    from sebench.runner.gate.earlier import AttemptStore
    from sebench.runner.gate.run import run_gate

    with progress_bar(quiet=quiet) as observer:
        return run_gate(
            configuration,
            run_context(context, observer, cache=cache, calibrations=calibrations),
            lock_file=lock_file,
            seed=seed,
            attempts=None if attempts is None else AttemptStore(attempts),
            written=written,
            not_stored=not_stored,
        )


def _present(gate: Gate, output_format: str, output: str, *, junit: Path | None, quiet: bool) -> None:
    from sebench.profilers.environment import capture_environment
    from sebench.reporting.contract import gate_json
    from sebench.reporting.gate import gate_document

    on_terminal = output_format == "table" and output == "-"
    try:
        present(
            output_format,
            output,
            json=lambda: gate_json(gate, capture_environment()),
            document=lambda: gate_document(gate, with_findings=not on_terminal),
            measured=True,
        )
        show_findings(attributed(subjects_of_checks(gate.checks)), quiet=quiet)
        reasons = (check.reason for check in gate.checks if check.reason.code in SAID)
        for message in dict.fromkeys(f"{r.message}; {r.hint}" if r.hint else r.message for r in reasons):
            complain(message)
        if not gate.checks:
            limit = "--model resnet50 --max-overhead params:1.11"
            complain(f"nothing was compared; name a limit ({limit}), or configure one")
    finally:  # what the CI system reads does not depend on whether the table could be written
        write_ci_outputs(gate, junit=junit, environ=os.environ)


def _exit_code(gate: Gate) -> int:
    """Inconclusive passes only where that was asked for; nothing compared never does."""
    found = {check.reason.code for check in gate.checks}
    if gate.status == "not_comparable":
        return next((EXIT_CODES[code] for code in EXIT_CODES if code in found), EXIT_INCONCLUSIVE)
    if gate.status == "inconclusive" and gate.on_inconclusive == "pass":
        return EXIT_OK
    return _EXITS[gate.status]
