"""``sebench env``: the machine as a benchmark sees it."""

from __future__ import annotations

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, guarded, present


@guarded
def env(
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    debug: options.Debug = False,
) -> None:
    """Show the machine, its sources of noise, and what to do.

    Changes nothing.
    """
    from sebench.profilers.environment import capture_environment
    from sebench.reporting.contract import environment_json
    from sebench.reporting.environment import environment_document

    check_output(output)
    environment = capture_environment()
    present(
        output_format,
        output,
        json=lambda: environment_json(environment),
        document=lambda: environment_document(environment),
    )
