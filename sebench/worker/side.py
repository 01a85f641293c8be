"""One side of a pair whose sides come from different trees, so that each needs a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from sebench.errors import BuildError
from sebench.profilers.device import Device, Step
from sebench.worker.protocol import Run, Timed


def answer(lines: Callable[[], bytes], step: Step, device: Device) -> Iterator[Timed]:
    """Run steps on demand until the other end closes.

    Args:
        lines: reads the next line, ``b""`` at the end.
        step: of this side.
        device: clock and barrier; the time a message takes is in no timing.
    """
    with device.quiet():
        while line := lines():
            timing = device.timed(step, msgspec.json.decode(line, type=Run).count)
            yield Timed(
                steps_s=timing.steps_s,
                forward_s=timing.forward_s,
                device_s=timing.device_s,
                submit_s=timing.submit_s,
                state=device.state(),
            )


def check_origin(not_from: str | None) -> None:
    """Refuse modules of the other side's tree: both sides would be the same code, and no gate could fail.

    Installed in development mode, a package is found in the working tree wherever it is imported from.

    Args:
        not_from: the directory whose modules are not allowed; None allows all.

    Raises:
        BuildError: a module was imported from there; names it.
    """
    if not_from is None:
        return
    root, own = Path(not_from).resolve(), Path(__file__).resolve().parents[1]
    for name, module in sorted(sys.modules.items()):
        found = getattr(module, "__file__", None)
        file = Path(found).resolve() if found else own
        if not file.is_relative_to(own) and _is_of_the_tree(file, root):
            raise BuildError(
                f"module {name} was imported from {file}, not from the tree that it is to be compared with",
                hint="make it importable from the repository itself (its root or src/), or uninstall it",
            )


def _is_of_the_tree(file: Path, root: Path) -> bool:
    installed = {"site-packages", "dist-packages"} & set(file.parts)
    return file.is_relative_to(root) and not installed
