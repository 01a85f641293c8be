"""``sebench train``: networks trained side by side by the paper's recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import guarded, present, say, show_findings
from sebench.cli._options import given, takes_network
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_OK, UsageError
from sebench.schema import COLUMN_OPTIONS, NO_OPTIONS, NetworkOptions
from sebench.schema.training import Crop, RecipeRequest, TrainingDtype
from sebench.units import format_duration

if TYPE_CHECKING:
    from sebench.runner.training import Observer, TrainingProgress
    from sebench.schema.training import TrainingJob

SILENCE_S = 30.0
"""Within an epoch a line comes after so long a silence."""
_WITH_RESUME = frozenset({"resume", "plot", "output_format", "quiet", "debug"})
_RECIPE = RecipeRequest()


@guarded
@takes_network(
    without=("example_inputs",), helps={"num_classes": "Number of classes; default: that of the data."}
)
def train(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Network to train.")] = None,
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            "-v",
            help="Variant, trained on the same batches as the others; default: plain and se.",
        ),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder with train/CLASS/IMAGE and val/CLASS/IMAGE, or digits (extra digits).",
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="New folder for all files of the run."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="DIR", help="Go on with the run in this folder; says all by itself."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Epochs of training.")] = _RECIPE.epochs,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            "-b",
            min=1,
            help="Images per step, of all ranks; default: 1024, or 128 on the CPU, halved for small data.",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", "--lr", help="In the first epoch; default: 0.6 * batch / 1024."),
    ] = None,
    momentum: Annotated[float, typer.Option("--momentum", help="Of SGD.")] = _RECIPE.momentum,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", help="Of all parameters.")
    ] = _RECIPE.weight_decay,
    crop: Annotated[
        Crop | None,
        typer.Option(
            "--crop", help="Crops of random size, or shifts by 4 pixels; default: shift up to 64 pixels."
        ),
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option("--flip/--no-flip", help="Mirror half of the images; default: all data but digits."),
    ] = None,
    balanced: Annotated[
        bool, typer.Option("--balanced/--no-balanced", help="Draw every class equally often.")
    ] = True,
    dtype: Annotated[TrainingDtype, typer.Option("--dtype", help="Number format of a step.")] = "float32",
    ema: Annotated[
        float | None, typer.Option("--ema", help="Decay of a moving average that is tested and kept.")
    ] = None,
    image_size: options.ImageSize = None,
    network: NetworkOptions = NO_OPTIONS,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of weights, order, augmentation and split.")
    ] = 0,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds to train from, --seed first.")] = 1,
    device: Annotated[str, typer.Option("--device", help=COLUMN_OPTIONS["device"].help)] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help=COLUMN_OPTIONS["threads"].help)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=0, help="Processes that read images; default: 0 on the CPU, up to 8 elsewhere."
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            "--checkpoint-every",
            metavar="STEPS",
            min=1,
            help="Checkpoints within an epoch too; default: none.",
        ),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard too.")
    ] = False,
    plot: options.Plot = None,
    output_format: options.FormatOption = "table",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Train variants side by side by the paper's recipe.

    All see the same batches and begin with the same weights where they share them. Weights,
    curves, predictions and checkpoints go to the folder of --output; --resume goes on with a run
    that was stopped or killed. Data-parallel: torchrun --nproc-per-node N -m sebench train ...
    """
    from sebench.reporting.training import training_document, training_json, training_picture
    from sebench.runner.training import (
        TrainingRequest,
        begin,
        is_first_rank,
        keep,
        make_job,
    )
    from sebench.runner.training import train as train_job
    from sebench.training.files import read_job

    check_plot(plot)
    if resume is not None:
        _require_nothing_else(context)
        job, folder = read_job(resume), resume
    else:
        if model is None or not data or output is None:
            missing = next(
                name
                for name, said in (("--model", model), ("--data", data), ("--output", output))
                if not said
            )
            raise UsageError(f"{missing} is missing", hint="see `sebench train --help`")
        recipe = RecipeRequest(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            crop=crop,
            flip=flip,
            balanced=balanced,
            dtype=dtype,
            ema=ema,
        )
        asked = TrainingRequest(
            model=model,
            variants=tuple(variant or ("plain", "se")),
            data=data,
            options=network,
            recipe=recipe,
            image_size=image_size,
            seed=seed,
            seeds=seeds,
            device=device,
            threads=threads,
            loaders=workers,
            checkpoint_every=checkpoint_every,
            tensorboard=tensorboard,
        )
        job, folder = make_job(asked), output
        begin(job, folder)
    show_findings(job.findings, quiet=quiet or not is_first_rank())
    found = train_job(job, folder, _observer(job, quiet=quiet or not is_first_rank()))
    if not is_first_rank():
        return EXIT_OK
    keep(folder, training_json(found))
    present(
        output_format,
        "-",
        json=lambda: training_json(found),
        document=lambda: training_document(found),
        measured=True,
    )
    show_findings((each for each in found.findings if each not in job.findings), quiet=quiet)
    return draw_plot(plot, lambda: training_picture(found))


def _require_nothing_else(context: typer.Context) -> None:
    other = sorted(given(context) - _WITH_RESUME)
    if other:
        option = other[0].replace("_", "-")
        raise UsageError(
            f"--resume and --{option}: a run goes on as it was begun",
            hint=f"leave --{option} out, or train into another folder",
        )


def _observer(job: TrainingJob, *, quiet: bool) -> Observer:
    """Says a line after every epoch, and within one after a silence."""
    import time

    said_s = time.monotonic()

    def observe(progress: TrainingProgress) -> None:
        nonlocal said_s
        now_s = time.monotonic()
        if quiet or (progress.moment.step and now_s - said_s < SILENCE_S):
            return
        said_s = now_s
        say(progress_text(progress))

    return observe


def progress_text(progress: TrainingProgress) -> str:
    """E.g. ``seed 0, epoch 3 of 10: top-1 error plain 12.11 %, se 11.00 %, 45 s left``."""
    moment = progress.moment
    seed = f"seed {progress.seed}, " if len(progress.seeds) > 1 else ""
    epoch = moment.epoch + bool(moment.step)
    step = f", step {moment.step} of {moment.steps}" if moment.step else ""
    errors = ", ".join(f"{variant} {error * 100:.2f} %" for variant, error in moment.errors.items())
    left = progress.left_s
    parts = (
        f"top-1 error {errors}" if errors else "",
        "" if left is None or moment.epoch == moment.epochs else f"{format_duration(left)} left",
    )
    told = ", ".join(filter(None, parts))
    return f"{seed}epoch {epoch} of {moment.epochs}{step}{': ' if told else ''}{told}"
