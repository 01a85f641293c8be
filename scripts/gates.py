"""Find the attention of networks of other libraries and compare it with what was measured elsewhere.

Reads a table with the columns of tests/data/gates.csv (one network a row: its library, its name, what is
known of its gates) and prints one line per network: reproduced, or which columns differ. Networks that are
not in that table run the same way: ``python scripts/gates.py other.csv``.

Run: python scripts/gates.py TABLE.csv [--library LIBRARY] [--model NAME] [--report reports/gates.md]
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import importlib
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from sebench.counters import record
from sebench.counters.recording import Recording
from sebench.errors import SebenchError
from sebench.schema.gates import Gate
from sebench.surgery.gates import find_gates

Shape = tuple[int, ...]
COLUMNS = (
    "params",
    "gates",
    "gate_params",
    "total_macs",
    "gate_macs",
    "channels",
    "hidden_widths",
    "gate_op",
    "bias",
    "op_before",
    "op_after",
)
"""Those compared; the class that holds the gate is for a reader."""
DISTRIBUTIONS = {"efficientnet_pytorch": "efficientnet-pytorch", "smp": "segmentation-models-pytorch"}
IMAGE: Shape = (1, 3, 224, 224)


class Candidate(NamedTuple):
    """A network, and inputs that it may have been measured with."""

    module: nn.Module
    shapes: Sequence[Shape]


class Outcome(NamedTuple):
    """What was found in a network."""

    row: dict[str, str]
    """As it was handed in."""
    found: dict[str, str]
    """The same columns; empty where the network cannot be built or counted."""
    shape: Shape
    note: str
    """How many gates are modules of their own, or why there is nothing."""
    find_s: float
    module: nn.Module | None = None
    """The network."""

    @property
    def differing(self) -> list[str]:
        """Columns that are not as they were handed in."""
        return [name for name in COLUMNS if self.found.get(name) != self.row[name]]


# --- how a name becomes a network -------------------------------------------------------------------------


def _torchvision(name: str) -> Iterator[Candidate]:
    from torchvision import models

    own = 518 if "_h_14" in name else 224
    options: dict[str, Any] = {"init_weights": False} if name in {"inception_v3", "googlenet"} else {}
    if "rcnn" in name or "retina" in name or "ssd" in name or "_resnet" in name:
        options["weights_backbone"] = None
    yield Candidate(
        models.get_model(name, weights=None, **options), (IMAGE, (1, 3, own, own), (1, 3, 299, 299))
    )


def _timm(name: str) -> Iterator[Candidate]:
    import timm

    network = timm.create_model(name, pretrained=False)
    own = (1, *network.pretrained_cfg["input_size"])
    fixed = any(size in name for size in ("_240", "_256", "_384"))
    yield Candidate(network, (own, IMAGE) if fixed else (IMAGE, own))


def _pytorchcv(name: str) -> Iterator[Candidate]:
    from pytorchcv.model_provider import get_model

    network = get_model(name, pretrained=False)
    own = tuple(getattr(network, "in_size", IMAGE[2:]))
    yield Candidate(network, ((1, 3, *own), IMAGE))


def _efficientnet_pytorch(name: str) -> Iterator[Candidate]:
    from efficientnet_pytorch import EfficientNet

    size = EfficientNet.get_image_size(name)
    yield Candidate(EfficientNet.from_name(name), (IMAGE, (1, 3, size, size)))
    yield Candidate(EfficientNet.from_name(name, image_size=224), (IMAGE,))


def _geffnet(name: str) -> Iterator[Candidate]:
    import geffnet

    yield Candidate(geffnet.create_model(name, pretrained=False), (IMAGE,))


def _fastai(name: str) -> Iterator[Candidate]:
    from fastai.vision.models import xresnet

    yield Candidate(getattr(xresnet, name)(), (IMAGE, (1, 3, 128, 128)))


def _speechbrain(name: str) -> Iterator[Candidate]:
    from speechbrain.lobes.models import ECAPA_TDNN

    cls = getattr(ECAPA_TDNN, name)
    shapes = tuple((1, frames, 80) for frames in (300, 200, 100, 400, 500, 301, 201, 101, 1000))
    wide = {"channels": [1024, 1024, 1024, 1024, 3072]}
    for options in ({}, {"lin_neurons": 192}, wide, {**wide, "lin_neurons": 192}):
        yield Candidate(cls(80, **options), shapes)


def _monai(name: str) -> Iterator[Candidate]:
    """Names end with the dimensions; what MONAI does not say is tried: channels, classes and extents."""
    from monai.networks import nets

    kind, _, dimensions = name.rpartition("-")
    spatial = int(dimensions[0])
    sizes = {1: (224, 1000, 512, 256, 128), 2: (224, 256, 128, 96), 3: (64, 96, 32, 48, 128, 112, 224)}
    for channels in (3, 1, 2, 4):
        shapes = [(1, channels, *(size,) * spatial) for size in sizes[spatial]]
        for options in _monai_options(kind, channels, spatial):
            try:
                network = _monai_network(nets, kind, options)
            except TypeError:  # it takes other arguments
                continue
            yield Candidate(network, shapes)


def _monai_options(kind: str, channels: int, spatial: int) -> Iterator[dict[str, Any]]:
    common = {"spatial_dims": spatial, "in_channels": channels}
    for classes in (1000, 2, 3, 1, 10):
        yield {**common, "num_classes": classes}
    for outputs in (1, 2, 3):
        yield {**common, "out_channels": outputs}
    yield common


def _monai_network(nets: ModuleType, kind: str, options: dict[str, Any]) -> nn.Module:
    if kind.startswith("EfficientNetBN-"):
        network: nn.Module = nets.EfficientNetBN(kind.replace("BN", "").lower(), pretrained=False, **options)
        return network
    built: nn.Module = getattr(nets, kind)(**options)
    return built


def _smp(name: str) -> Iterator[Candidate]:
    """``MAnet-resnet18``: an architecture, then an encoder."""
    import segmentation_models_pytorch as smp

    architecture, _, encoder = name.partition("-")
    for options in ({}, {"decoder_attention_type": "scse"}):
        try:
            network = smp.create_model(architecture, encoder or "resnet34", encoder_weights=None, **options)
        except TypeError:  # it has no such option
            continue
        yield Candidate(network, (IMAGE, (1, 3, 256, 256), (1, 3, 512, 512)))


def _any_other(library: str) -> Callable[[str], Iterator[Candidate]]:
    def build(name: str) -> Iterator[Candidate]:
        yield Candidate(getattr(importlib.import_module(library), name)(), (IMAGE,))

    return build


LIBRARIES: dict[str, Callable[[str], Iterator[Candidate]]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "pytorchcv": _pytorchcv,
    "efficientnet_pytorch": _efficientnet_pytorch,
    "geffnet": _geffnet,
    "fastai": _fastai,
    "speechbrain": _speechbrain,
    "monai": _monai,
    "smp": _smp,
    "segmentation_models_pytorch": _smp,
}


# --- what is found ----------------------------------------------------------------------------------------


def examine(row: dict[str, str]) -> Outcome:
    """Build the network of a row and find its gates; the first input that gives its MACs is taken."""
    library = row["library"].split()[0]
    fallback: Outcome | None = None
    reason = "it has no such network"
    candidates = LIBRARIES.get(library, _any_other(library))(row["model"])
    try:
        for candidate in candidates:
            params = sum(parameter.numel() for parameter in candidate.module.parameters())
            if str(params) != row["params"] and fallback is not None:
                continue
            for shape in candidate.shapes:
                try:
                    outcome = _found(row, candidate.module, shape, params)
                except SebenchError as error:
                    reason = str(error)
                    continue
                if not outcome.differing:
                    return outcome
                right_size = outcome.found["total_macs"] == row["total_macs"]
                if fallback is None or right_size:
                    fallback = outcome
    except Exception as error:  # noqa: BLE001 - somebody else's constructor; the other rows go on
        reason = f"{type(error).__name__}: {error}"
    return fallback or Outcome(row, {}, (), reason.splitlines()[0], 0.0)


def _found(row: dict[str, str], module: nn.Module, shape: Shape, params: int) -> Outcome:
    begun_s = time.perf_counter()
    recording = record(module.eval(), shape)
    found = find_gates(recording)
    find_s = time.perf_counter() - begun_s
    # The table does not have attention that adds instead of multiplying.
    gates = [each.gate for each in found if each.gate.kind != "context"]
    widths = [_width(recording, each.feature) for each in found if each.gate.kind != "context"]
    columns = {
        "params": str(params),
        "gates": str(len(gates)),
        "gate_params": str(sum(gate.params for gate in gates)),
        "total_macs": str(sum(op.macs for op in recording.ops)),
        "gate_macs": str(sum(gate.macs for gate in gates)),
        "channels": str([_channels(gate, width) for gate, width in zip(gates, widths, strict=True)]),
        "hidden_widths": str([list(gate.hidden) for gate in gates]),
        "gate_op": _counted(gate.gate for gate in gates),
        "bias": _counted(str(gate.bias) for gate in gates),
        "op_before": _counted(gate.before for gate in gates),
        "op_after": _counted(gate.after for gate in gates),
    }
    modules = sum(gate.module for gate in gates)
    note = f"{modules} of {len(gates)} are modules" if gates else "none"
    others = len(found) - len(gates)
    return Outcome(row, columns, shape, note + (f", and {others} that add" if others else ""), find_s, module)


def _width(recording: Recording, value: int) -> int:
    """Second extent of a feature map, before it was expanded."""
    while (made := recording.values[value].producer) is not None and recording.ops[made].name == "expand":
        value = recording.ops[made].inputs[0]
    return recording.values[value].shape[1]


def _channels(gate: Gate, width: int) -> int:
    """As the table has it: the second extent of the feature map, which a split's branches are."""
    return gate.branches if gate.kind == "split" else width


def _counted(names: Iterator[str]) -> str:
    return " ".join(f"{name}x{times}" for name, times in Counter(names).items())


# --- what is said -----------------------------------------------------------------------------------------


def line_of(outcome: Outcome) -> str:
    """One line for the terminal."""
    row = outcome.row
    name = f"{row['library']} {row['model']}"
    if not outcome.found:
        return f"{name}: FAILED: {outcome.note}"
    shape = "x".join(map(str, outcome.shape))
    if not outcome.differing:
        return f"{name} ({shape}): reproduced; {row['gates']} gates, {outcome.note}; {outcome.find_s:.2f} s"
    differences = "; ".join(
        f"{column} {outcome.found[column]!r:.120}, in the table {row[column]!r:.120}"
        for column in outcome.differing
    )
    return f"{name} ({shape}): DIFFERS: {differences}"


def report(outcomes: Sequence[Outcome], table: str) -> str:
    """The page under reports/."""
    reproduced = sum(bool(outcome.found) and not outcome.differing for outcome in outcomes)
    libraries = dict.fromkeys(outcome.row["library"].split()[0] for outcome in outcomes)
    versions = ", ".join(f"{name} {version_of(name)}" for name in ("torch", *libraries))
    lines = [
        "# Attention found in other people's networks",
        "",
        f"{reproduced} of {len(outcomes)} rows of `{table}` reproduced in every column:",
        "parameters and MACs of the network, number of gates, their parameters, MACs, channels, hidden",
        "widths, gate function, bias, and the ops before and after. Written by `scripts/gates.py`.",
        "",
        f"{dt.datetime.now(tz=dt.UTC).date()}; Python {platform.python_version()}; {versions}.",
        "",
        "| library | network | input | gates | gate params | gate MACs | found as | result |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        found, row = outcome.found, outcome.row
        result = (
            "reproduced" if found and not outcome.differing else "differs: " + ", ".join(outcome.differing)
        )
        cells = (
            row["library"].split()[0],
            row["model"],
            "x".join(map(str, outcome.shape)),
            found.get("gates", ""),
            f"{int(found.get('gate_params', 0)):,}",
            f"{int(found.get('gate_macs', 0)):,}",
            outcome.note,
            result if found else "failed",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def version_of(library: str) -> str:
    """The version of a library."""
    try:
        return version(DISTRIBUTIONS.get(library, library))
    except PackageNotFoundError:
        return "not installed"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 1 where a row is not reproduced."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV with the columns of tests/data/gates.csv")
    parser.add_argument("--library", action="append", default=[], help="only its rows; repeatable")
    parser.add_argument("--model", action="append", default=[], help="only this network; repeatable")
    parser.add_argument("--report", type=Path, help="write a page of the outcome")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    with options.table.open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["library"].split()[0] in (options.library or [row["library"].split()[0]])
            and row["model"] in (options.model or [row["model"]])
        ]
    outcomes = []
    for row in rows:
        outcome = examine(row)
        print(line_of(outcome), flush=True)
        outcomes.append(outcome._replace(module=None))  # all of them would not fit into memory
    if options.report:
        options.report.write_text(report(outcomes, options.table.name), encoding="utf-8")
    failed = sum(not outcome.found or bool(outcome.differing) for outcome in outcomes)
    print(f"{len(rows) - failed} of {len(rows)} reproduced")
    return 1 if failed else 0


if __name__ == "__main__":
    torch.set_grad_enabled(mode=False)
    sys.exit(main())
