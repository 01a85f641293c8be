"""Scripts of `benchmarks/` and `scripts/`, which are no packages, as modules."""

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def script(name, folder="scripts"):
    """The script of that name. Under another one: `coverage` is also a package that test runners import."""
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.append(str(ROOT / folder))  # last: what it imports of its own folder, and nothing else
    spec.loader.exec_module(module)
    sys.path.pop()
    yield module
    del sys.modules[spec.name]


def benchmark(name):
    """The script of `benchmarks/` of that name."""
    return script(name, "benchmarks")
