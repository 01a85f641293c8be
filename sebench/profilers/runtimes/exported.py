"""What runtimes that run a file have in common: a network is exported once, then loaded by any process.

Beside the file lie the outputs of eager on the same weights and inputs. Every step that is made of a file is
compared with them before it is handed over.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.inputs import Inputs
from sebench.outputs import output_tensors
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes.eager import Batch, PreparedStep
from sebench.profilers.workload import inference_step
from sebench.schema import Workload
from sebench.schema.forms import forms_of, mark_forms, rewritten_in

TOLERANCES = {"float32": 1e-3, "bfloat16": 1e-2, "int8": 1.0}
"""Largest difference from eager in float32, as a share of the largest output, by what is computed in.

Float32 comes to about 1e-6, bfloat16, whose numbers are 2^-8 apart, to about 2.5e-3. What int8 comes to
depends on the weights: it is told, and only what is another function altogether is refused.
"""
APART = "difference_from_eager"
"""Name of the fact that `require_agreement` finds."""
_OPERATOR = re.compile(r"(?:aten|prims|torchvision)(?:::|\.)\w+")
_UNKNOWN = re.compile(
    r"No (?:ONNX function|conversion rule|decompositions?)[^\n]*|Operator \S+ is not in Core ATen"
)
_OUTPUTS = "outputs.pt"
_ELSE = "use --runtime eager or compile"


class Write(Protocol):
    """Writes a network to a file."""

    def __call__(self, network: nn.Module, inputs: Inputs, file: Path, workload: Workload, /) -> None:
        """Write `file`, and what belongs to it beside it.

        Args:
            network: takes tensors by position, and returns one tensor, or several in a tuple or list.
            inputs: these tensors; the shapes of the file are theirs.
            file: to write, in a folder of its own.
            workload: what the file is for.
        """


class Bind(Protocol):
    """Makes a step of a file."""

    def __call__(self, file: Path, own: OwnInput, workload: Workload, /) -> PreparedStep:
        """A step that reads the input where it lies and writes its outputs where torch reads them.

        Args:
            file: as `Write` makes it, or anybody else.
            own: what the graph is fed, see `in_order_of`.
            workload: threads and precision.

        Returns:
            The step; it has run once. Its outputs are what it holds.

        Raises:
            WorkerError: the runtime is not as the workload asks.
        """


class OperationCounts(NamedTuple):
    """What a graph computes in, as its runtime has optimised it."""

    convolutions: int
    int8_convolutions: int
    float_operations: dict[str, int]
    """How many by kind; what only moves or converts tensors is left out."""


Quantize = Callable[[Path, Sequence[tuple[torch.Tensor, ...]]], None]
"""Replaces a file by its form in int8, calibrated on inputs."""
CountOperations = Callable[[Path, Workload], OperationCounts]
"""Of a file, as the runtime optimises it for a workload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRuntime:
    """A runtime that runs files."""

    file: str
    """What a network is called in its folder."""
    also: tuple[str, ...] = ()
    """And what one may be called that somebody else has exported."""
    write: Write
    bind: Bind
    quantize: Quantize | None = None
    """None where `RuntimeInfo.quantizations` has no other than ``none``."""
    count_operations: CountOperations | None = None
    """Of a quantized file; None likewise."""

    @property
    def reads_onnx(self) -> bool:
        """Whether it runs ONNX files."""
        return any(name.endswith(".onnx") for name in (self.file, *self.also))

    def prepare(self, module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
        """See `Prepare`: exported to a temporary folder, and loaded from there."""
        with tempfile.TemporaryDirectory() as folder:
            self.export(module, batch.input, workload, Path(folder), (batch.input.tensors,))
            return self.load(Path(folder), batch.input, workload)

    def export(
        self,
        module: nn.Module,
        own: OwnInput,
        workload: Workload,
        folder: Path,
        calibration: Sequence[tuple[torch.Tensor, ...]] = (),
    ) -> None:
        """Write a network to `folder`, and what eager makes of its input.

        Args:
            module: the network, as built. It may be moved and converted.
            own: what it works on; left as it was.
            workload: what the file is for.
            folder: an empty one.
            calibration: inputs like `own`, needed where the workload quantizes.

        Raises:
            WorkerError: the network cannot be exported; says why.
        """
        expected, flat = reference(module, own, workload)
        network = module if flat else _Flat(module, own.inputs)
        mark_forms(network, forms_of(module), rewritten_in(module))
        try:
            torch.save(expected, folder / _OUTPUTS)
            with silence(), torch.no_grad():
                self.write(network, Inputs(own.tensors), folder / self.file, workload)
                if self.quantize is not None and workload.quantize != "none":
                    self.quantize(folder / self.file, calibration)
        except WorkerError:
            raise
        except OSError as error:
            raise WorkerError(
                f"--runtime {workload.runtime} cannot write the network to a file: {error.strerror}",
                hint="set TMPDIR to a folder with room for it",
            ) from error
        except Exception as error:
            raise refused(workload, module, error) from error

    def load(self, folder: Path, own: OwnInput, workload: Workload, *, compared: bool = True) -> PreparedStep:
        """The step of an exported network.

        Args:
            folder: what `export` wrote to; it may go afterwards.
            own: an input with the same values as that of the export.
            workload: what the file is for.
            compared: with eager; false of a file that somebody else has exported.

        Raises:
            WorkerError: the runtime is not as the workload asks, or computes something else than eager.
        """
        if not compared:
            return self.run_file(self.file_in(folder), own, workload, "this file", hint=None)
        step = self.run_file(self.file_in(folder), own, workload)
        expected = torch.load(folder / _OUTPUTS, weights_only=True)
        difference = require_agreement(step.held, expected, workload)
        return step._replace(facts={**step.facts, APART: difference})

    def file_in(self, folder: Path) -> Path:
        """The file of a network in its folder, whoever wrote it."""
        known = (folder / name for name in (self.file, *self.also))
        return next((path for path in known if path.exists()), folder / self.file)

    def run_file(
        self,
        file: Path,
        own: OwnInput,
        workload: Workload,
        what: str = "what it exported",
        *,
        hint: str | None = _ELSE,
    ) -> PreparedStep:
        """The step of a file, whoever wrote it.

        Args:
            file: to run.
            own: what it is fed.
            workload: threads and precision.
            what: the file in words, for an error.
            hint: what to do where it cannot be run.

        Raises:
            WorkerError: the runtime cannot run it, or is not as the workload asks.
        """
        try:
            return self.bind(file, own, workload)
        except WorkerError:
            raise
        except Exception as error:
            raise WorkerError(
                f"--runtime {workload.runtime} cannot run {what}: {_reason(error)}", hint=hint
            ) from error


class _Flat(nn.Module):
    """A network as a function of the tensors of its input, by position, to those of its output.

    Exporters differ in what they make of arguments by name, and of outputs in containers.
    """

    def __init__(self, network: nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.network = network
        self._inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = iter(tensors)
        return output_tensors(self._inputs.map(lambda _: next(given)).passed_to(self.network))


def reference(module: nn.Module, own: OwnInput, workload: Workload) -> tuple[tuple[torch.Tensor, ...], bool]:
    """What eager makes of the input, which is left as it was.

    Returns:
        The tensors of the output, and whether all that goes in and comes out are tensors by position.

    Raises:
        WorkerError: there is no tensor in what the network returns.
    """
    output = inference_step(module, own.inputs, workload)()
    if own.is_written():
        own.restore()
    by_position = _by_position((output,) if isinstance(output, torch.Tensor) else output)
    tensors = output_tensors(output) if by_position is None else by_position
    if not tensors:
        kind = type(output).__name__
        raise WorkerError(
            f"--runtime {workload.runtime} takes networks that return tensors, and this one returns a {kind}",
            hint=_ELSE,
        )
    fed_by_position = not own.inputs.kwargs and _by_position(own.inputs.args) is not None
    return tuple(each.clone() for each in tensors), by_position is not None and fed_by_position


def _by_position(values: object) -> tuple[torch.Tensor, ...] | None:
    """The tensors of a tuple or list of nothing else; those with names of their own are another class."""
    if type(values) is not tuple and type(values) is not list:
        return None
    found = tuple(each for each in values if isinstance(each, torch.Tensor))
    return found if len(found) == len(values) else None


def require_agreement(
    found: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...], workload: Workload
) -> float:
    """Refuse a network that computes something else than in eager, on the same weights and inputs.

    Returns:
        The largest difference, as a share of the largest output.

    Raises:
        WorkerError: it is beyond `TOLERANCES`, or the outputs have other shapes; says how far.
    """
    shapes = [tuple(each.shape) for each in found], [tuple(each.shape) for each in expected]
    if shapes[0] != shapes[1]:
        raise WorkerError(f"--runtime {workload.runtime} gives outputs {shapes[0]} instead of {shapes[1]}")
    largest = max((float(each.abs().max()) for each in expected if each.numel()), default=0.0)
    apart = max(
        (
            float((a.double() - b.double()).abs().max())
            for a, b in zip(found, expected, strict=True)
            if a.numel()
        ),
        default=0.0,
    )
    difference = apart / largest if largest else apart
    allowed = TOLERANCES[workload.dtype if workload.quantize == "none" else workload.quantize]
    if not difference <= allowed:
        raise WorkerError(
            f"--runtime {workload.runtime} computes something else than eager: off by {difference:.2g} of the"
            f" largest output, where {allowed:g} is allowed",
            hint="use --runtime eager, and report the operator",
        )
    return difference


def refused(workload: Workload, network: nn.Module, error: Exception) -> WorkerError:
    """The one line for a network that a runtime cannot take."""
    return WorkerError(
        f"--runtime {workload.runtime} cannot take {type(network).__name__}: {_reason(error)}",
        hint=_ELSE,
    )


def _reason(error: BaseException) -> str:
    """The operator that an exporter does not know, if it says so anywhere; else its first line."""
    causes: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in causes:
        causes.append(each)
        each = each.__cause__ or each.__context__
    unknown = [found for cause in causes for found in _UNKNOWN.findall(str(cause))]
    operators = dict.fromkeys(name for text in unknown for name in _OPERATOR.findall(text))
    if operators:
        return f"it has no {', '.join(name.replace('::', '.') for name in operators)}"
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return first.strip()


def in_order_of(names: Sequence[str], own: OwnInput) -> tuple[torch.Tensor, ...]:
    """The tensors of an input as a graph takes them: those that were given by name by that.

    Args:
        names: of the graph's inputs, in its order.
        own: what the network is called with.

    Raises:
        WorkerError: the graph takes more or fewer.
    """
    if len(names) != len(own.tensors):
        raise WorkerError(
            f"the exported graph takes {len(names)} inputs, the network {len(own.tensors)}",
            hint=_ELSE,
        )
    named = {name: value for name, value in own.inputs.kwargs.items() if name in names}
    if not all(isinstance(value, torch.Tensor) for value in named.values()):
        return own.tensors
    taken = {id(value) for value in named.values()}
    others = iter([tensor for tensor in own.tensors if id(tensor) not in taken])
    return tuple(named[name] if name in named else next(others) for name in names)


@contextmanager
def silence() -> Iterator[None]:
    """Keep what exporters print and log to themselves; what fails is raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
