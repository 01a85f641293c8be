"""What gates do on images: watched in a worker process; and what folding those that do nothing saves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sebench import models
from sebench.analysis.comparison import compare
from sebench.analysis.excitation import ExcitationFound
from sebench.errors import UsageError, WorkerError
from sebench.images.folder import open_folder
from sebench.models.checkpoints import split_part
from sebench.runner.evaluating import MOST_READERS, preprocessing_for
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import make_plan, resolve_spec
from sebench.runner.planning.workloads import workloads
from sebench.runner.workers.session import WORKER_COMMAND, MessageSource, Misnamed, WorkerSession, expect
from sebench.schema import (
    ASIS,
    CONSTANT_BELOW,
    NO_OPTIONS,
    Effort,
    Excitation,
    Folded,
    MetricComparison,
    ModelSpec,
    NetworkOptions,
    Preprocessing,
    Workload,
    WorkloadRequest,
    network_options,
    parse_variant,
)
from sebench.statistics.moments import Moments
from sebench.worker.protocol import Excited, ExciteRequest, Seen

BATCH_SIZE = 32
"""Images that are read and run together, where nothing is said."""
_SILENCE_S = 900.0
_MOMENTS, _STOP = "moments.npz", "stop"
"""As in `sebench.worker.watching`, which imports torch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcitationRequest:
    """What is asked for."""

    model: str
    variant: str | None = None
    """None is what the network is usually compared with plain as."""
    options: NetworkOptions = NO_OPTIONS
    device: str = "cpu"
    """As torch spells it."""
    threads: int = 1
    batch_size: int = BATCH_SIZE
    image_size: models.ImageSize | None = None
    preprocessing: str | None = None
    """``paper``, ``own`` or a file; None is the own of networks that have one, else the paper's."""
    images: Path
    limit: int | None = None
    workers: int = 0
    constant_below: float = CONSTANT_BELOW
    fold: Path | None = None
    seed: int


def watch_gates(
    request: ExcitationRequest,
    tell: Callable[[Seen], object] = lambda seen: None,
    *,
    command: Sequence[str] = WORKER_COMMAND,
) -> ExcitationFound:
    """Run a network on images in a worker process, and take down what its gates do.

    After Ctrl-C the worker is asked to end with what it has; at the second it is ended.

    Args:
        request: the network and the images.
        tell: told after each batch.
        command: how the worker is started.

    Raises:
        UsageError: what cannot be meant; no images; no gates.
        BuildError: the network cannot be built.
        WorkerError: the worker could not do it.
        KeyboardInterrupt: Ctrl-C before anything was seen.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked = _asked(request, Path(folder))
        findings = models.checkpoint_findings(asked.spec)
        # No placement of threads: processes that read images would inherit it.
        threads = str(request.threads)
        environ = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        try:
            with WorkerSession(asked, command=command, environ=environ, timeout_s=_SILENCE_S) as session:
                excited = _listen(session, Path(folder) / _STOP, tell)
        except Misnamed as error:
            raise UsageError(str(error)) from None
        moments = _moments(Path(folder) / _MOMENTS, len(excited.excitation.gates))
    return ExcitationFound(
        excitation=excited.excitation,
        moments=moments,
        folded=excited.folded,
        not_folded=excited.not_folded,
        findings=findings,
    )


def measure_folded(
    folded: Folded, excitation: Excitation, effort: Effort, context: RunContext
) -> tuple[MetricComparison | None, str]:
    """Time the network as it was against the folded one, in pairs, one image a step.

    Returns:
        The latency, and why there is none.

    Raises:
        SebenchError: it could not be measured.
        Interrupted: after Ctrl-C.
    """
    spec, workload = excitation.spec, excitation.workload
    shape = "x".join(map(str, (1, *workload.input_shape[1:])))
    plan = make_plan(
        names=[spec.model],
        variants=[],
        baseline=spec.variant,
        candidate=folded.spec.variant,
        workload=WorkloadRequest(
            device=workload.device, threads=workload.threads, phase="inference", input_shape=shape
        ),
        effort=effort,
        seed=excitation.seed,
        # Times do not depend on the weights, and these fit both networks.
        options=network_options(folded.spec),
        memory=False,
    )
    (result,) = run(plan, context)
    latency = next((each for each in compare(result).metrics if each.metric == "latency"), None)
    if latency is None or latency.status == "unavailable":
        return None, (latency and latency.reason) or "no step could be timed"
    return latency, ""


def _asked(request: ExcitationRequest, folder: Path) -> ExciteRequest:
    open_folder(request.images)  # before torch is loaded
    _require_two_files(request.fold, request.options.weights)
    spec = _spec(request)
    preprocessing = preprocessing_for(spec, request.preprocessing, request.image_size)
    if not request.constant_below > 0:
        raise UsageError("--constant-below is not positive", hint=f"the usual limit is {CONSTANT_BELOW}")
    if not 0 <= request.workers <= MOST_READERS:
        raise UsageError(f"--workers {request.workers} is not between 0 and {MOST_READERS}")
    return ExciteRequest(
        spec=spec,
        workload=_workload(request, preprocessing),
        preprocessing=preprocessing,
        seed=request.seed,
        images=str(request.images.absolute()),
        limit=request.limit,
        workers=request.workers,
        folder=str(folder),
        constant_below=request.constant_below,
        fold=None if request.fold is None else str(request.fold.absolute()),
    )


def _require_two_files(fold: Path | None, weights: str | None) -> None:
    if fold is not None and weights and fold.absolute() == split_part(weights)[0].absolute():
        raise UsageError(f"--fold and --weights both name {fold}", hint="name two files")


def _workload(request: ExcitationRequest, preprocessing: Preprocessing) -> Workload:
    (load,) = workloads(
        WorkloadRequest(
            device=request.device,
            threads=request.threads,
            phase="inference",
            batch_size=request.batch_size,
        ),
        preprocessing.input_shape,
    )
    return load


def _spec(request: ExcitationRequest) -> ModelSpec:
    source = models.source_of(request.model)
    if source.is_file:
        raise UsageError(
            f"{request.model} was exported: its gates are nodes of a graph, not of a network that runs here",
            hint="name the network that it was exported from",
        )
    # A network of others is watched as it was built: attention that is put in has weights of no training.
    variant = request.variant or source.default_variant or ASIS
    if parse_variant(variant).forms:
        raise UsageError(
            f"--variant {variant}: gates are watched as their author wrote them", hint="leave form out"
        )
    return resolve_spec(request.model, variant, request.options, own_inputs=False)


def _listen(session: MessageSource, stop: Path, tell: Callable[[Seen], object]) -> Excited:
    seen = False
    while True:
        try:
            reply = expect(session, Seen | Excited)  # type: ignore[arg-type]
            if isinstance(reply, Excited):
                return reply
            seen = True
            tell(reply)
        except KeyboardInterrupt:
            if not seen or stop.exists():
                raise
            stop.touch()


def _moments(path: Path, gates: int) -> tuple[Moments, ...]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return tuple(
                Moments(arrays["counts"], arrays[f"means{number}"], arrays[f"squares{number}"])
                for number in range(gates)
            )
    except (OSError, KeyError, ValueError) as error:
        raise WorkerError(f"a worker process left no statistics: {error}") from error
