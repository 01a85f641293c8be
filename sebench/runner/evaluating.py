"""Networks on labelled images, each in a worker process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor
from pathlib import Path

from msgspec.structs import replace

from sebench import models
from sebench.analysis.accuracy import conclude_accuracy
from sebench.errors import UsageError, WorkerError
from sebench.images.folder import ClassOrder, ImageFolder, open_folder
from sebench.images.preprocessing import paper_preprocessing, read_preprocessing
from sebench.images.unreadable import unreadable_finding
from sebench.profilers.environment import capture_environment
from sebench.runner.planning.inputs import input_size
from sebench.runner.planning.plan import drawn_seed, resolve_spec
from sebench.runner.planning.workloads import image_size, on_this_machine, workloads
from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import WORKER_COMMAND, Misnamed, WorkerSession, expect
from sebench.schema import (
    ASIS,
    NO_OPTIONS,
    NOTHING_SAID,
    Accuracy,
    AccuracyRun,
    EvaluatedImages,
    Finding,
    ModelSpec,
    NetworkOptions,
    Preprocessing,
    UnreadableImage,
    Workload,
    WorkloadRequest,
    is_exported_file,
    parse_variant,
)
from sebench.worker.protocol import AccuracyRequest, Ranked

_BATCH_SIZE = 32
MOST_READERS = 256
_SILENCE_S = 900.0
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNetwork:
    """One network that is evaluated."""

    spec: ModelSpec
    preprocessing: Preprocessing
    workload: Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """What is evaluated, checked as far as that can be done without building anything."""

    networks: tuple[PlannedNetwork, ...]
    """The first is what the others are compared with."""
    folder: ImageFolder
    class_order: ClassOrder
    limit: int | None
    seed: int
    readers: int


@dataclass(frozen=True, slots=True)
class Evaluating:
    """How far an evaluation is."""

    title: str
    """Of the network."""
    done: int
    """Images of it."""
    images: int
    """That it will see."""


def plan_evaluation(
    *,
    names: Sequence[str],
    variants: Sequence[str],
    weights: Sequence[str],
    images: Path | str,
    options: NetworkOptions = NO_OPTIONS,
    workload: WorkloadRequest = NOTHING_SAID,
    preprocessing: str | None = None,
    class_order: ClassOrder = "text",
    limit: int | None = None,
    seed: int | None = None,
    readers: int = 0,
) -> EvaluationPlan:
    """Check what is asked for.

    Args:
        names: of networks.
        variants: of each; none said means each as its name has it.
        weights: a file for each network and variant, in their order; none for the user's own networks that
            load theirs.
        images: a folder with one folder per class.
        options: that the networks are built with.
        workload: device, batch, number format and the like.
        preprocessing: ``paper``, ``own``, or a file; None is the own of networks that have one, else the
            paper's.
        class_order: by which folders are numbered.
        limit: how many images, drawn at random; None is all.
        seed: of drawing, and of weights that no file has; None draws one.
        readers: processes that read images.

    Raises:
        UsageError: something that cannot be meant, or no such file or folder.
        DeviceError: no such device.
    """
    if not 0 <= readers <= MOST_READERS:
        raise UsageError(f"--workers {readers} is not between 0 and {MOST_READERS}")
    specs = _specs(names, variants, weights, options)
    folder = open_folder(images, order=class_order)
    folder.require_classes(2)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} is not positive")
    request = replace(on_this_machine(workload), phase="inference")
    networks = tuple(_planned(spec, preprocessing, request) for spec in dict.fromkeys(specs))
    return EvaluationPlan(
        networks=networks,
        folder=folder,
        class_order=class_order,
        limit=limit,
        seed=drawn_seed(seed),
        readers=readers,
    )


def _specs(
    names: Sequence[str], variants: Sequence[str], weights: Sequence[str], options: NetworkOptions
) -> tuple[ModelSpec, ...]:
    for name in names:
        if is_exported_file(name):
            raise UsageError(
                f"{name} is an exported file, which is not evaluated",
                hint="name the network that it was made of",
            )
    if not names:
        raise UsageError("no network is named", hint="add --model, e.g. --model resnet50")
    asked = [
        (name, variant) for name in names for variant in variants or (models.source_of(name).own_variant,)
    ]
    if weights and len(weights) != len(asked):
        listed = ", ".join(f"{name} {variant}" for name, variant in asked)
        raise UsageError(
            f"--weights is given {len(weights)} times for {len(asked)} networks ({listed})",
            hint="give one file for each, in this order",
        )
    files: Sequence[str | None] = weights or [None] * len(asked)
    specs = tuple(
        resolve_spec(name, variant, replace(options, weights=file), own_inputs=False)
        for (name, variant), file in zip(asked, files, strict=True)
    )
    for spec in specs:
        _require_trained(spec)
    return specs


def _require_trained(spec: ModelSpec) -> None:
    """Refuse a network of which a part would have random weights, as far as that is known before building."""
    if spec.weights is None and not models.is_users_own(spec):
        raise UsageError(
            f"{spec.label} has random weights, so its accuracy is that of guessing", hint="add --weights FILE"
        )
    variant = parse_variant(spec.variant)
    if variant.kind is not None and models.source_of(spec.model).own_variant == ASIS:
        raise UsageError(
            f"attention that is put into {spec.model} has random weights",
            hint="evaluate asis or plain, or a factory of your own that has it",
        )


def _planned(spec: ModelSpec, said: str | None, request: WorkloadRequest) -> PlannedNetwork:
    preprocessing = preprocessing_for(spec, said, image_size(request))
    batch = _BATCH_SIZE if request.batch_size is None else request.batch_size
    asked = replace(request, image_size=None, batch_size=batch)
    (workload,) = workloads(asked, preprocessing.input_shape)
    return PlannedNetwork(spec=spec, preprocessing=preprocessing, workload=workload)


def preprocessing_for(spec: ModelSpec, said: str | None, size: models.ImageSize | None) -> Preprocessing:
    """What is done to images before a network sees them.

    Args:
        spec: the network.
        said: ``paper``, ``own``, or a file; None is the own of networks that have one, else the paper's.
        size: of what it sees; None leaves it to the others.

    Raises:
        UsageError: two sizes, no such file, or a network that does not say.
    """
    source = models.source_of(spec.model)
    if size is not None:
        source.check_image_size(spec.model, size)
    if said not in (None, "paper", "own"):
        if size is not None:
            raise UsageError(f"--image-size and {said} both say the size", hint="leave one out")
        return read_preprocessing(Path(str(said)))
    own = None if said == "paper" else source.own_preprocessing(spec.model, spec.weights_sha256)
    if own is not None:
        return own if size is None else _resized(own, models.height_width(size))
    if said == "own":
        raise UsageError(
            f"{spec.model} does not say what is done to images", hint="use --preprocessing paper, or a file"
        )
    _, *native = input_size(spec.model)
    height, width = models.height_width(size) if size is not None else native
    return paper_preprocessing((height, width))


def _resized(own: Preprocessing, size: tuple[int, int]) -> Preprocessing:
    """The same share of the image at another size."""
    height, width = size

    def scaled(side: int, new: int, old: int) -> int:
        return max(floor(side * new / old), new)

    resize: int | tuple[int, int]
    if isinstance(own.resize, int):
        resize = scaled(own.resize, height, own.crop[0])
    else:
        resize = (scaled(own.resize[0], height, own.crop[0]), scaled(own.resize[1], width, own.crop[1]))
    return replace(own, resize=resize, crop=size)


def evaluate(
    plan: EvaluationPlan,
    *,
    observe: Callable[[Evaluating], None] = lambda progress: None,
    command: Sequence[str] = WORKER_COMMAND,
) -> Accuracy:
    """Run every network on the same images.

    Args:
        plan: what to evaluate.
        observe: told after every batch; what it raises ends the evaluation.
        command: how a worker is started.

    Raises:
        UsageError: a network and the folder have different numbers of classes, or weights do not fit.
        WorkerError: a network does not run, returns no scores, or no image can be read.
    """
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    of_weights = models.checkpoint_findings(*(network.spec for network in plan.networks))
    places = plan.folder.sample(plan.limit, seed=plan.seed)
    unreadable: dict[str, UnreadableImage] = {}
    runs = []
    for network in plan.networks:
        ranks: dict[int, int] = {}
        for ranked in _ranked(plan, network, len(places), observe, command):
            ranks |= zip(ranked.places, ranked.ranks, strict=True)
            unreadable |= {image.path: image for image in ranked.unreadable}
        if not ranks:
            first = next(iter(unreadable.values()))
            raise WorkerError(
                f"none of the {len(places)} images can be read; {first.path}: {first.reason}",
                hint="see whether the folder is complete",
            )
        runs.append(AccuracyRun(spec=network.spec, preprocessing=network.preprocessing, ranks=ranks))
    networks, comparisons = conclude_accuracy(runs, len(plan.folder.classes))
    images = _images(plan, len(places), tuple(unreadable.values()))
    return Accuracy(
        measured_at=measured_at,
        images=images,
        models=networks,
        comparisons=comparisons,
        findings=(*of_weights, *_findings(plan.folder, images)),
        workload=plan.networks[0].workload,
        environment=capture_environment(),
    )


def _ranked(
    plan: EvaluationPlan,
    network: PlannedNetwork,
    images: int,
    observe: Callable[[Evaluating], None],
    command: Sequence[str],
) -> Iterator[Ranked]:
    request = AccuracyRequest(
        spec=network.spec,
        workload=network.workload,
        weight_seed=plan.seed,
        folder=str(plan.folder.root),
        class_order=plan.class_order,
        images=len(plan.folder),
        limit=plan.limit,
        image_seed=plan.seed,
        preprocessing=network.preprocessing,
        readers=plan.readers,
    )
    done = 0
    environ = worker_environ(network.workload)
    with WorkerSession(request, command=command, environ=environ, timeout_s=_SILENCE_S) as session:
        while done < images:
            try:
                ranked = expect(session, Ranked)
            except Misnamed as error:  # it is what was asked for that does not fit
                raise UsageError(str(error)) from error
            done += len(ranked.places) + len(ranked.unreadable)
            observe(Evaluating(network.spec.label, done, images))
            yield ranked


def _images(plan: EvaluationPlan, asked: int, unreadable: tuple[UnreadableImage, ...]) -> EvaluatedImages:
    folder = plan.folder
    return EvaluatedImages(
        folder=str(folder.root),
        classes=len(folder.classes),
        class_order=plan.class_order,
        images=len(folder),
        asked=asked,
        seed=plan.seed if asked < len(folder) else None,
        unreadable=unreadable,
        skipped=dict(folder.skipped),
        empty_classes=folder.empty,
    )


def _findings(folder: ImageFolder, images: EvaluatedImages) -> Iterator[Finding]:
    if images.unreadable:
        yield unreadable_finding(images.unreadable, images=images.asked, then="are left out")
    if folder.orders_differ:
        other = "natural" if images.class_order == "text" else "text"
        first = ", ".join(folder.classes[:_NAMED])
        yield Finding(
            code="class-order",
            severity="warning",
            message=f"classes are numbered in {images.class_order} order ({first}, ...); torchvision has text"
            " order, timm natural order",
            hint=f"--class-order {other} if the network was trained with that",
        )
    if folder.empty:
        named = ", ".join(folder.empty[:_NAMED])
        yield Finding(
            code="empty-classes",
            severity="warning",
            message=f"{len(folder.empty)} of {images.classes} classes have no image: {named}",
        )
    shown = {reason: count for reason, count in folder.skipped.items() if reason != "hidden"}
    if shown:
        listed = ", ".join(f"{count} {reason}" for reason, count in shown.items())
        yield Finding(
            code="other-files", severity="warning", message=f"files that are not taken for images: {listed}"
        )
