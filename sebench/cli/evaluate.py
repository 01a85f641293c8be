"""``sebench evaluate``: what networks get right on labelled images."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from msgspec.structs import replace

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, guarded, present, say, show_findings
from sebench.cli._measuring import SILENCE_S
from sebench.cli._options import takes_network, takes_workload
from sebench.errors import EXIT_OK
from sebench.schema import NO_OPTIONS, NOTHING_SAID, NetworkOptions, WorkloadRequest

if TYPE_CHECKING:
    from sebench.runner.evaluating import Evaluating

_NOT_SAID = ("batch_size", "phase", "runtime", "quantize", "optimizer", "world_size", "input_shape")
"""What means nothing here, or something else: the size of the image is that of the preprocessing."""


@guarded
@takes_network(without=("weights", "example_inputs"))
@takes_workload(without=_NOT_SAID)
def evaluate(
    model: options.Models,
    images: Annotated[Path, typer.Option("--images", metavar="DIR", help="Images, in one folder per class.")],
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            "-v",
            help="Variant, e.g. plain or se; repeatable. The first network is what others are compared with.",
        ),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    weights: Annotated[
        list[str],
        typer.Option(
            "--weights",
            metavar="FILE",
            help="state_dict or safetensors of a network (FILE#PART: one of several in it); repeatable: one"
            " for each network and variant, in their order.",
        ),
    ] = [],  # noqa: B006
    preprocessing: Annotated[
        str | None,
        typer.Option(
            "--preprocessing",
            metavar="paper|own|FILE",
            help="What is done to images; default: the library's own where there is one, else the paper's.",
        ),
    ] = None,
    class_order: Annotated[
        Literal["text", "natural"],
        typer.Option(
            "--class-order", help="How class folders are numbered: text, as torchvision; natural, as timm."
        ),
    ] = "text",
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="Only so many images, drawn with --seed.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes that read images.")] = 0,
    batch_size: Annotated[
        int, typer.Option("--batch-size", "-b", help="Images that a network sees at once.")
    ] = 32,
    workload: WorkloadRequest = NOTHING_SAID,
    image_size: options.ImageSize = None,
    network: NetworkOptions = NO_OPTIONS,
    seed: options.Seed = None,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Measure top-1 and top-5 accuracy on a folder of images.

    Several networks see the same images, so that their difference has an interval of its own.
    """
    from sebench.reporting.accuracy import accuracy_document, accuracy_json
    from sebench.runner.evaluating import evaluate as run
    from sebench.runner.evaluating import plan_evaluation

    check_output(output)
    plan = plan_evaluation(
        names=model,
        variants=variant,
        weights=weights,
        images=images,
        options=network,
        workload=replace(workload, batch_size=batch_size, image_size=options.parse_image_size(image_size)),
        preprocessing=preprocessing,
        class_order=class_order,
        limit=limit,
        seed=seed,
        readers=workers,
    )
    with _progress(quiet=quiet) as observe:
        found = run(plan, observe=observe)
    present(
        output_format,
        output,
        json=lambda: accuracy_json(found),
        document=lambda: accuracy_document(found),
        measured=True,
    )
    show_findings(found.findings, quiet=quiet)
    return EXIT_OK


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Evaluating], None]]:
    """A bar on a terminal; otherwise a line when a network begins, and after each long silence."""
    if quiet:
        yield lambda progress: None
        return
    if not (sys.stderr is not None and sys.stderr.isatty()):
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def observe(progress: Evaluating) -> None:
            bar.update(task, description=progress.title, completed=progress.done, total=progress.images)

        yield observe


class _Lines:
    def __init__(self) -> None:
        self._title, self._said_s = "", 0.0

    def __call__(self, progress: Evaluating) -> None:
        now_s = time.monotonic()
        if progress.title != self._title or now_s - self._said_s >= SILENCE_S:
            self._title, self._said_s = progress.title, now_s
            say(f"{progress.title}: {progress.done} of {progress.images} images")
