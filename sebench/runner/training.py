"""Training as a command sees it: a folder with its job, one process per seed, what came of all of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from sebench import models
from sebench.errors import DataFileError, Interrupted, UsageError
from sebench.images.unreadable import unreadable_finding
from sebench.profilers.environment import usable_cores
from sebench.profilers.selection import resolve_device
from sebench.runner.planning.pairs import resolve_spec
from sebench.runner.planning.plan import shape_said
from sebench.runner.workers.session import WORKER_COMMAND, WorkerDied, WorkerSession, expect
from sebench.schema import NO_OPTIONS, Finding, NetworkOptions, WorkloadRequest
from sebench.schema.training import RecipeRequest, Training, TrainingJob
from sebench.store import check_directory, write_atomic
from sebench.training.files import JOB, LOCK, RESULT, RUN, read_run, seed_folder
from sebench.training.sources import is_packaged, require_data
from sebench.worker.protocol import Failed, Trained, TrainingMoment, TrainRequest

SILENCE_S = 900.0
STOP_S = 120.0
"""How long a process may take to write its checkpoint."""
_IMAGE_DIMENSIONS = 4
_MOST_LOADERS = 8


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where training stands, for whoever watches it."""

    seed: int
    seeds: tuple[int, ...]
    moment: TrainingMoment
    left_s: float | None
    """Of this seed; None until something has been seen of its pace."""


Observer = Callable[[TrainingProgress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What somebody says of training."""

    model: str
    variants: tuple[str, ...]
    data: str
    options: NetworkOptions = NO_OPTIONS
    recipe: RecipeRequest = field(default_factory=RecipeRequest)
    image_size: str | None = None
    seed: int = 0
    seeds: int = 1
    device: str | None = None
    threads: int | None = None
    loaders: int | None = None
    checkpoint_every: int | None = None
    tensorboard: bool = False


def make_job(asked: TrainingRequest) -> TrainingJob:
    """A checked job; nothing is built or read.

    Raises:
        UsageError: a name, variant or number that cannot be meant.
        DeviceError: a device that is not there.
    """
    if asked.seeds < 1:
        raise UsageError(f"--seeds {asked.seeds} is not positive")
    if asked.seed < 0:
        raise UsageError(f"--seed {asked.seed} is negative", hint="count from 0")
    ranks = world_size()
    if ranks > 1 and asked.seeds > 1:
        raise UsageError(
            f"--seeds {asked.seeds}: ranks started by torchrun train from one seed",
            hint="run it once per seed",
        )
    specs = tuple(
        dict.fromkeys(resolve_spec(asked.model, variant, asked.options) for variant in asked.variants)
    )
    require_data(asked.data)
    shape = shape_said(specs[0], WorkloadRequest(image_size=asked.image_size))
    if len(shape) != _IMAGE_DIMENSIONS or shape[1] != 3 or models.exported_file(asked.model) is not None:
        raise UsageError(f"{asked.model} cannot be trained on images", hint="name a network of RGB images")
    device = resolve_device(asked.device or "auto")
    cores = max(1, usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    usual = 0 if device == "cpu" else min(_MOST_LOADERS, cores - 1)
    return TrainingJob(
        specs=specs,
        data=asked.data if is_packaged(asked.data) else str(Path(asked.data).absolute()),
        seeds=tuple(range(asked.seed, asked.seed + asked.seeds)),
        recipe=asked.recipe,
        image_size=(shape[2], shape[3]),
        device=device,
        threads=asked.threads or cores,
        loaders=usual if asked.loaders is None else asked.loaders,
        checkpoint_every=asked.checkpoint_every,
        tensorboard=asked.tensorboard,
        findings=models.checkpoint_findings(*specs),
    )


def world_size() -> int:
    """Ranks that torchrun has started; 1 where it has started none."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_rank() -> bool:
    """Whether this process writes and says what there is to say."""
    return world_size() == 1 or os.environ.get("RANK", "0") == "0"


def begin(job: TrainingJob, folder: Path) -> None:
    """Write a job to its folder.

    Raises:
        DataFileError: there is one already, or the folder cannot be written.
    """
    if not is_first_rank():
        return
    if (folder / JOB).exists():
        raise DataFileError(
            f"{folder} holds a training run already",
            hint=f"go on with it: sebench train --resume {folder}; or choose another folder",
        )
    check_directory(folder)
    write_atomic(folder / JOB, msgspec.json.format(msgspec.json.encode(job), indent=2))


def keep(folder: Path, document: str) -> None:
    """Write the document of a run into its folder.

    Raises:
        DataFileError: it cannot be written.
    """
    write_atomic(folder / RESULT, document)


def train(
    job: TrainingJob,
    folder: Path,
    observer: Observer = lambda progress: None,
    *,
    command: Sequence[str] = WORKER_COMMAND,
) -> Training:
    """Train all seeds that are not trained yet, one after the other, each in a process of its own.

    Args:
        job: as it was written to the folder.
        folder: that everything goes to; each seed has a folder in it.
        observer: told where it stands, after every epoch and about once a second.
        command: how a worker is started.

    Raises:
        DataFileError: another process trains here, or files that cannot be read or written.
        WorkerError: a process ended, or said why it cannot go on.
        Interrupted: Ctrl-C; there is a checkpoint to go on from.
    """
    runs = []
    with _alone_in(folder):
        for seed in job.seeds:
            own = seed_folder(folder, seed)
            if not (own / RUN).exists() or world_size() > 1:
                own.mkdir(exist_ok=True, parents=True)
                _train_seed(job, seed, own, observer, command)
            if is_first_rank():
                runs.append(read_run(own))
    found = Training(job=job, folder=str(folder), runs=tuple(runs))
    return msgspec.structs.replace(found, findings=(*job.findings, *_findings(found)))


def _findings(found: Training) -> Iterator[Finding]:
    if found.unreadable:
        data = found.runs[0].data
        then = "are left out, in training for others of their class"
        yield unreadable_finding(found.unreadable, images=data.train + data.test, then=then)


def _train_seed(job: TrainingJob, seed: int, own: Path, observer: Observer, command: Sequence[str]) -> None:
    request = TrainRequest(job=job, seed=seed, folder=str(own.absolute()))
    with WorkerSession(request, command=command, environ=_environ(job), timeout_s=SILENCE_S) as session:
        try:
            finished = _watch(session, job, seed, observer)
        except KeyboardInterrupt:
            session.ask_to_stop()
            _await_end(session)
            raise _interrupted(own.parent) from None
    if not finished:  # somebody else asked the process to stop, e.g. a scheduler all that it has started
        raise _interrupted(own.parent)


def _interrupted(folder: Path) -> Interrupted:
    return Interrupted("interrupted", hint=f"go on with: sebench train --resume {folder}")


def _watch(session: WorkerSession, job: TrainingJob, seed: int, observer: Observer) -> bool:
    """Whether it trained to the end."""
    begun: tuple[float, float] | None = None
    while not isinstance(reply := session.receive(), Trained | Failed):
        if not isinstance(reply, TrainingMoment):
            continue
        done, now_s = reply.epoch + reply.step / reply.steps, time.monotonic()
        begun = begun or (done, now_s)
        pace = done - begun[0]
        left_s = (now_s - begun[1]) / pace * (reply.epochs - done) if pace > 0 else None
        observer(TrainingProgress(seed, job.seeds, reply, left_s))
    return expect(_Said(reply), Trained).finished


@dataclass(frozen=True)
class _Said:
    """A reply that was read already, for `expect`."""

    reply: Trained | Failed

    def receive(self) -> Trained | Failed:
        return self.reply


def _await_end(session: WorkerSession) -> None:
    """Wait until it has written its checkpoint."""
    session.allow_silence(STOP_S)
    with suppress(WorkerDied):  # it had not begun: there is nothing to keep
        while not isinstance(session.receive(), Trained | Failed):
            pass


def _environ(job: TrainingJob) -> dict[str, str]:
    # Threads are not bound to cores, as those that are timed are: two runs would share the first of them.
    return {"OMP_NUM_THREADS": str(job.threads), "MKL_NUM_THREADS": str(job.threads)}


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    if not is_first_rank():
        yield
        return
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataFileError(
            f"another process trains in {folder}", hint="wait for it, or train into another folder"
        ) from None
    except OSError as error:
        raise DataFileError(f"{folder} cannot be locked: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
