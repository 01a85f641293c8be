"""The one `openvino.Core` of a process."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def openvino_core() -> Any:  # noqa: ANN401 - it is not typed
    """A core that lives as long as the process.

    Each core that compiles gives its thread a stack for signals, and takes it away when it ends. Of two that
    end in the order in which they began, the second puts back the stack of the first, which is gone: the next
    signal, be it of a child that has ended, ends the process (seen with OpenVINO 2026.4.1).
    """
    import openvino  # noqa: PLC0415 - an extra

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})  # weights in memory of its own, whatever becomes of the file
    return core
