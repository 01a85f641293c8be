"""``sebench profile``: where the time of an attention module goes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, guarded, present, say, show_findings
from sebench.cli._measuring import run_context, waiting_text
from sebench.cli._options import given, takes_network, takes_workload
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_OK, UsageError
from sebench.schema import (
    NO_OPTIONS,
    NOTHING_SAID,
    NetworkOptions,
    WorkloadRequest,
    attributed,
    is_exported_file,
)

if TYPE_CHECKING:
    from sebench.schema import Plan


@guarded
@takes_network()
@takes_workload(phase_default="inference", by_part=True)
def profile(
    context: typer.Context,
    model: options.Models,
    variant: Annotated[
        list[str],
        typer.Option("--variant", "-v", help=f"{options.VARIANT_HELP}; {options.USUAL_CANDIDATE}."),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    workload: WorkloadRequest = NOTHING_SAID,
    network: NetworkOptions = NO_OPTIONS,
    attention: options.Attention = [],  # noqa: B006
    seed: options.Seed = None,
    plot: options.Plot = None,
    cache: options.Cache = True,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Show where the time of attention goes, by part, stage and site.

    Next to each part (of SE: squeeze, excite, scale) stands the least time that this machine allows.
    With a runtime that has a graph of its own, parts are those of its nodes, lost fusions included.
    """
    from sebench.profilers.environment import capture_environment
    from sebench.reporting.pictures import profile_picture
    from sebench.reporting.profile import profile_document, profile_json
    from sebench.runner.counting.counter import default_cache
    from sebench.runner.planning.plan import make_plan
    from sebench.runner.planning.workloads import on_this_machine
    from sebench.runner.profiling import default_machine_cache, run_profiles

    check_output(output)
    check_plot(plot, output)
    files = [name for name in model if is_exported_file(name)]
    if files and "runtime" not in given(context):
        if len(files) != len(model):
            raise UsageError(f"{files[0]} does not run as the others do", hint="add --runtime onnxruntime")
        workload = replace(workload, runtime=None)
    plan = make_plan(
        names=model,
        variants=options.with_attention(variant, attention),
        baseline="plain",
        seed=seed,
        effort="quick",
        workload=on_this_machine(workload),
        options=network,
        usual_candidate=run_context(context, cache=cache).usual_candidate,
    )
    if any(session.workload.runtime != "eager" for session in plan.sessions):
        return _of_runtime(plan, plot, output_format, output, quiet=quiet)
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    profiles, environment = run_profiles(
        plan,
        capture_environment(),
        cache=default_cache() if cache else None,
        machines=default_machine_cache() if cache else None,
        announce=lambda session: (
            None if quiet else say(f"profiling {session.pair.title}: takes a minute or more")
        ),
        announce_waiting=lambda holder: None if quiet else say(waiting_text(holder)),
    )
    present(
        output_format,
        output,
        json=lambda: profile_json(profiles, environment),
        document=lambda: profile_document(profiles, environment, measured_at=measured_at),
        measured=True,
    )
    show_findings(attributed((found.pair.title, found.findings) for found in profiles), quiet=quiet)
    return draw_plot(plot, lambda: profile_picture(profiles))


def _of_runtime(
    plan: Plan, plot: Path | None, output_format: options.Format, output: str, *, quiet: bool
) -> int:
    """The runtime's own graph, with the times of its own profiler."""
    from sebench.profilers.environment import capture_environment
    from sebench.reporting.runtime_graph import graph_document, graph_json
    from sebench.runner.graphing import require_graph, run_graphs

    for session in plan.sessions:
        require_graph(session.workload.runtime, "leave --runtime out")
    if plot is not None:
        raise UsageError("--plot draws profiles of --runtime eager alone", hint="leave --plot out")
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    found, environment = run_graphs(
        plan,
        capture_environment(),
        timed=True,
        announce=lambda session: (
            None if quiet else say(f"profiling {session.pair.title}: takes a minute or more")
        ),
        announce_waiting=lambda holder: None if quiet else say(waiting_text(holder)),
    )
    present(
        output_format,
        output,
        json=lambda: graph_json(found, environment),
        document=lambda: graph_document(found, environment, measured_at=measured_at),
        measured=True,
    )
    show_findings([finding for each in found for finding in each.findings], quiet=quiet)
    return EXIT_OK
