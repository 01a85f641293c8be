"""One side of a pair whose sides come from different trees, so that each needs a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from sebench.errors import BuildError
from sebench.models.neighbours import is_installed, origin
from sebench.profilers.device import Device, Step
from sebench.worker.protocol import Done, Finish, Run, Timed

_PACKAGE = Path(__file__).resolve().parents[1]


def answer(
    lines: Callable[[], bytes],
    step: Step,
    device: Device,
    *,
    restored: Step | None = None,
    finish: Callable[[int], None] = lambda steps: None,
) -> Iterator[Timed | Done]:
    """Run steps on demand until there is a `Finish`, or the other end closes.

    Args:
        lines: reads the next line, ``b""`` at the end.
        step: of this side.
        device: clock and barrier; the time a message takes is in no timing.
        restored: the same step, its input brought back first.
        finish: told the steps of a segment, it checks what the last steps came to.
    """
    with device.quiet():
        while line := lines():
            message = msgspec.json.decode(line, type=Run | Finish)
            if isinstance(message, Finish):
                finish(message.steps_per_segment)
                yield Done()
                return
            timing = device.timed(restored if message.restored and restored else step, message.count)
            yield Timed(
                steps_s=timing.steps_s,
                forward_s=timing.forward_s,
                device_s=timing.device_s,
                submit_s=timing.submit_s,
                state=device.state(),
            )


def check_origin(model: str, not_from: str | None) -> None:
    """Refuse code that is not of the tree this process runs in: both sides would be the same code.

    A gate over equal code can never fail. Installed in development mode, a package is found in the working
    tree from wherever it is imported; installed as usual, it is the same for every commit.

    Args:
        model: the network, imported and run before, so that all it needs is loaded.
        not_from: the directory of the other side, whose modules are not allowed; None allows everything.

    Raises:
        BuildError: names the module and the file it was found in.
    """
    if not_from is None:
        return
    own, other = _tree_root(Path.cwd()), Path(not_from).resolve()
    for name, module in sorted(sys.modules.items()):
        file = origin(module)
        if file is not None and file.is_relative_to(other) and not _is_exempt(file, own):
            raise BuildError(
                f"module {name} was imported from the working tree ({file})",
                hint="a development install or PYTHONPATH points there: keep code importable from the "
                "repository's root or src/, or uninstall it",
            )
    source = model.rpartition(":")[0]
    file = origin(sys.modules.get(source))
    if file is not None and not file.is_relative_to(own):
        raise BuildError(
            f"module {source} was imported from {file}, which is the same code for every commit",
            hint="keep it importable from the repository's root or src/, or name its file (FILE.py:factory)",
        )


def _is_exempt(file: Path, own: Path) -> bool:
    """Of this side, of sebench, or installed: a repository may hold environments, a home may be one."""
    installed = is_installed(file) or {"site-packages", "dist-packages"} & set(file.parts)
    return file.is_relative_to(own) or file.is_relative_to(_PACKAGE) or bool(installed)


def _tree_root(folder: Path) -> Path:
    """The working tree that a folder lies in; the folder itself outside of any."""
    folders = (folder.resolve(), *folder.resolve().parents)
    return next((each for each in folders if (each / ".git").exists()), folders[0])
