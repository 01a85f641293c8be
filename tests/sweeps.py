"""Made-up sweeps: every ratio is chosen, and nothing is measured."""

from __future__ import annotations

from msgspec.structs import replace

from sebench.analysis.sweep import sweep_rows
from sebench.schema import Environment, ModelSpec, NetworkOptions, Pair, Workload, WorkloadRequest
from sebench.schema.sweep import Case, CaseOutcome, Sweep
from sebench.store.sweeps import SweepBook
from tests import samples
from tests.history import measured

SPREAD = (0.99, 0.995, 1.0, 1.0, 1.005, 1.01)
"""Of the ratios of six processes about the ratio of a case; their product is 1 but for 1e-4."""
LARGE = replace(samples.ENVIRONMENT, cpu={"model": "Large CPU", "usable_cores": 8})
THIRD = replace(samples.ENVIRONMENT, cpu={"model": "Third CPU", "usable_cores": 4})


def on_machine(ratio, environment=samples.ENVIRONMENT, *, spread=SPREAD, **fields):
    """A result of no sweep, of SE-ResNet-50 on one machine."""
    machine = environment.cpu["model"].partition(" ")[0]
    fields = {"id": f"r-{ratio}-{machine}-{fields.get('day', 0)}", **fields}
    return measured([ratio * each for each in spread], environment=environment, **fields)


class Making:
    """A sweep that grows by one case per call."""

    def __init__(self, name: str = "made") -> None:
        self.name = name
        self.cases: list[Case] = []
        self.outcomes: list[CaseOutcome] = []
        self.results = []

    def case(self, model="resnet50", variant="se", baseline="plain", options=None, **request):
        """Said and pending."""
        case = Case(
            id=f"{len(self.cases):012x}",
            model=model,
            variant=variant,
            baseline=baseline,
            request=WorkloadRequest(**request),
            options=options or NetworkOptions(),
        )
        self.cases.append(case)
        return case

    def done(
        self,
        ratio,
        *workloads,
        environment: Environment = samples.ENVIRONMENT,
        host="host-a",
        spread=SPREAD,
        baseline_s=0.05,
        **said,
    ):
        """Measured under `workloads`, or what follows from what was said."""
        case = self.case(**said)
        pair = Pair(
            baseline=ModelSpec(model=case.model, variant=case.baseline),
            candidate=ModelSpec(model=case.model, variant=case.variant),
        )
        found = [
            measured(
                [ratio * each for each in spread],
                workload=workload,
                id=f"20260101T000000Z-{case.model}-{case.id}",
                pair=pair,
                environment=environment,
                baseline_s=baseline_s,
            )
            for workload in workloads or (_workload(case.request),)
        ]
        result = replace(found[0], measurements=tuple(one.measurements[0] for one in found))
        self.results.append(result)
        self.outcomes.append(
            CaseOutcome(id=case.id, status="done", result=result.id, machine=host, wall_s=10.0)
        )
        return result

    def failed(self, reason="a worker ran out of memory", *, status="failed", host="host-a", **said):
        """Without a result."""
        case = self.case(**said)
        outcome = CaseOutcome(id=case.id, status=status, reason=reason, machine=host, wall_s=2.5)
        self.outcomes.append(outcome)

    @property
    def sweep(self):
        return Sweep(name=self.name, cases=tuple(self.cases), outcomes=tuple(self.outcomes))

    @property
    def rows(self):
        return sweep_rows(self.sweep, self.results)


def _workload(request: WorkloadRequest) -> Workload:
    side = int(request.image_size or 224)
    batch = request.batch_size or 1
    return Workload(
        batch_size=batch,
        input_shape=(batch, 3, side, side),
        threads=request.threads or 2,
        dtype=request.dtype or "float32",
        memory_format=request.memory_format or "contiguous",
        phase=request.phase or "inference",
    )


def small():
    """Two networks, batch 1 and 8, 1 and 2 threads; one case failed and one was not meant."""
    made = Making("small")
    for place, model in enumerate(("resnet50", "mobilenet_v1")):
        for batch in (1, 8):
            for threads in (1, 2):
                said = {"model": model, "batch_size": batch, "threads": threads}
                if (model, batch, threads) == ("mobilenet_v1", 8, 2):
                    made.failed("a worker ran out of memory (killed by signal 9)", **said)
                else:
                    ratio = 1.05 + 0.1 / batch + 0.02 * threads + 0.03 * place
                    made.done(ratio, baseline_s=0.01 * batch / threads, **said)
    made.failed(
        "onnxruntime does not train",
        status="skipped",
        host="",
        model="resnet50",
        runtime="onnxruntime",
        phase="training",
    )
    return made


def forty():
    """Two networks, five variants, four batches."""
    made = Making("forty")
    variants = ("se", "eca", "se(r=8,stages=2-4)", "cbam", "ge")
    for place, model in enumerate(("resnet50", "mobilenet_v1")):
        for number, variant in enumerate(variants):
            for batch in (1, 4, 16, 64):
                ratio = 1.05 + (0.1 + 0.02 * number) / batch**0.5 + 0.03 * place
                made.done(ratio, model=model, variant=variant, batch_size=batch)
    return made


def stored(made, directory):
    """The sweep in a directory of results, as a run leaves it."""
    book = SweepBook(directory, made.name)
    book.begin(made.cases)
    results = {result.id: result for result in made.results}
    for outcome in made.outcomes:
        book.keep(outcome, results.get(outcome.result))
    return book
