"""Help, lists and everything that reads stored results start without torch, whose import takes seconds."""

import subprocess

import pytest

from sebench.store import ResultStore
from tests.history import measured
from tests.interpreter import FRESH

COMMANDS = (
    "--help",
    "compare --help",
    "list",
    "list results",
    "env",
    "report --format markdown",
    "report --plot report.svg",
    "trend latency --model resnet50",
    "compare --from .sebench/results .sebench/results",
    "export pyperf .sebench/results",
    "check --model resnet50 --max-overhead latency:1.10 --dump-config",
    "sweep -m resnet50 -m mobilenet_v1 --device cpu -b 1 -b 8 --dry-run",
)
# All in one process: a module that one of them imported would still be there after the next.
SCRIPT = """
import sys
from sebench.cli import app

for arguments in sys.argv[1:]:
    try:
        app(arguments.split())
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
    assert not {"torch", "torchvision", "pandas", "matplotlib", "vl_convert"} & set(sys.modules), arguments
    if arguments in ("--help", "compare --help", "list"):
        assert not {"numpy", "scipy", "jinja2"} & set(sys.modules), arguments
"""


def test_torch_is_imported_only_where_something_is_counted_or_measured(tmp_path):
    ResultStore(tmp_path / ".sebench" / "results").add(measured([0.99, 1.00, 1.01]))
    done = subprocess.run(
        [FRESH, "-c", SCRIPT, *COMMANDS],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


COUNTED = """
import sys
import sebench
from torch import nn

sebench.count(nn.Conv2d(3, 8, 3), input_shape=(1, 3, 8, 8))
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.slow
def test_a_count_does_not_import_the_compiler_of_torch():
    done = subprocess.run([FRESH, "-c", COUNTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


ALONE = """
import sys
from sebench.cli._app import application

application("count")
assert {name for name in sys.modules if name in ("sebench.cli.compare", "sebench.cli.report")} == set()
"""


def test_a_command_does_not_import_the_others():
    done = subprocess.run([FRESH, "-c", ALONE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


NATIVE = """
import sys
from sebench.cli import app

for arguments in sys.argv[1:]:
    try:
        app(arguments.split())
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
    assert not {"torch", "torchvision", "sympy", "pandas"} & set(sys.modules), arguments
"""


COUNTS = (
    "count -m resnet50 --no-cache",
    "count -m fasterrcnn_resnet50_fpn --no-cache",
    "table 1 --no-cache",
    "verify --model SE-ResNet-50 --no-cache",
)


def test_native_networks_are_counted_without_torch(tmp_path):
    done = subprocess.run(
        [FRESH, "-c", NATIVE, *COUNTS],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
