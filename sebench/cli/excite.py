"""``sebench excite``: what the gates of a network do on images, and which do nothing."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, guarded, present, say, show_findings
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import takes_network
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_INCONCLUSIVE, EXIT_OK, Interrupted, SebenchError
from sebench.schema import COLUMN_OPTIONS, CONSTANT_BELOW, NO_OPTIONS, Effort, NetworkOptions, WorkloadRequest
from sebench.store import check_writable

if TYPE_CHECKING:
    from sebench.analysis.excitation import ExcitationFound
    from sebench.worker.protocol import Seen

_SAID_EVERY_S = 30.0


@guarded
@takes_network(without=("insert_after", "attention_class", "example_inputs"))
def excite(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", "-m", help="Network with gates; see 'sebench list'.")],
    images: Annotated[
        Path, typer.Option("--images", metavar="DIR", help="Folder with one folder of images per class.")
    ],
    variant: Annotated[
        str | None,
        typer.Option("--variant", "-v", help="Variant; default: asis of networks of others, else se."),
    ] = None,
    network: NetworkOptions = NO_OPTIONS,
    fold: Annotated[
        Path | None,
        typer.Option("--fold", metavar="FILE", help="Write the weights with near-constant gates folded in."),
    ] = None,
    constant_below: Annotated[
        float,
        typer.Option("--constant-below", help="A gate is near-constant if no channel's SD reaches this."),
    ] = CONSTANT_BELOW,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Time the folded network against the other.")
    ] = True,
    effort: Annotated[Effort, typer.Option("--effort", help="How long to measure the saving.")] = "quick",
    device: Annotated[str, typer.Option("--device", help=COLUMN_OPTIONS["device"].help)] = "auto",
    batch_size: Annotated[
        int, typer.Option("--batch-size", "-b", help="Images that are read and run together.")
    ] = 32,
    image_size: options.ImageSize = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(
            "--preprocessing",
            metavar="paper|own|FILE",
            help="What is done to images; default: the library's own where there is one, else the paper's.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="Only so many images, drawn with --seed.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes that read images.")] = 0,
    threads: Annotated[int | None, typer.Option("--threads", help=COLUMN_OPTIONS["threads"].help)] = None,
    seed: options.Seed = None,
    plot: options.Plot = None,
    cache: options.Cache = True,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Show what gates do on images, and which do nothing.

    The CSV has mean and standard deviation of every channel by class. Ctrl-C shows what was
    seen so far.
    """
    from sebench.reporting.excitation import excitation_document, excitation_json, unreadable_text
    from sebench.reporting.excitation_picture import excitation_picture
    from sebench.runner.exciting import ExcitationRequest, watch_gates
    from sebench.runner.planning.plan import drawn_seed
    from sebench.runner.planning.workloads import on_this_machine

    check_output(output)
    check_plot(plot, output)
    if fold is not None:
        check_writable(fold)
    here = on_this_machine(WorkloadRequest(device=device, threads=threads))
    request = ExcitationRequest(
        model=model,
        variant=variant,
        options=network,
        device=str(here.device),
        threads=here.threads or 1,
        batch_size=batch_size,
        image_size=options.parse_image_size(image_size),
        preprocessing=preprocessing,
        images=images,
        limit=limit,
        workers=workers,
        constant_below=constant_below,
        fold=fold,
        seed=drawn_seed(seed),
    )
    with _told(quiet=quiet) as tell:
        found = watch_gates(request, tell, command=run_context(context, cache=cache).host.command)
    show_findings(found.findings, quiet=quiet)
    interrupted = found.excitation.interrupted
    if found.excitation.unreadable and not quiet:  # the CSV cannot say it
        say(f"warning: left out, as it cannot be read: {unreadable_text(found.excitation)}")
    if measure and found.folded is not None and not interrupted:
        found, interrupted = _measured(found, effort, context, cache=cache, quiet=quiet)
    present(
        output_format,
        output,
        json=lambda: excitation_json(found),
        document=lambda: excitation_document(found),
        measured=True,
    )
    status = draw_plot(plot, lambda: excitation_picture(found))
    if interrupted:
        seen = f"{found.excitation.seen} of {found.excitation.images} images"
        unfolded = "" if fold is None or found.folded else f"; nothing was folded, {fold} is not written"
        raise Interrupted("interrupted", hint=f"shown is what was seen until then: {seen}{unfolded}")
    if fold is not None and found.folded is None:
        say(f"{found.not_folded}: {fold} is not written")
        return status or EXIT_INCONCLUSIVE
    return status or EXIT_OK


def _measured(
    found: ExcitationFound, effort: Effort, context: typer.Context, *, cache: bool, quiet: bool
) -> tuple[ExcitationFound, bool]:
    """With the saving, or why there is none; and whether that was interrupted."""
    from sebench.runner.exciting import measure_folded

    assert found.folded is not None  # noqa: S101 - asked before
    try:
        with progress_bar(quiet=quiet) as observer:
            running = run_context(context, observer, cache=cache, calibrations=options.CALIBRATIONS)
            saving, reason = measure_folded(found.folded, found.excitation, effort, running)
    except (Interrupted, KeyboardInterrupt):
        return dataclasses.replace(found, not_measured="interrupted"), True
    except SebenchError as error:
        return dataclasses.replace(found, not_measured=str(error)), False
    return dataclasses.replace(found, saving=saving, not_measured=reason), False


class _told:  # noqa: N801 - a context manager
    """Says how far the images are: one line that is drawn anew on a terminal, else a line now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._said_s = time.monotonic()

    def __enter__(self) -> Callable[[Seen], None]:
        return self._tell

    def __exit__(self, *error: object) -> None:
        if self._is_terminal and not self._quiet:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def _tell(self, seen: Seen) -> None:
        if self._quiet:
            return
        text = f"{'comparing' if seen.comparing else 'watching'}: {seen.images} of {seen.of} images"
        if self._is_terminal:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()
        elif time.monotonic() - self._said_s >= _SAID_EVERY_S:
            self._said_s = time.monotonic()
            say(text)
