"""The registry: every format can be rendered from what it says it takes."""

import subprocess
from typing import get_args

import pytest

from sebench.cli.export import ExportFormat
from sebench.reporting.exports import EXPORTS
from tests import gates, samples
from tests.interpreter import FRESH


@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_renders(make, name):
    measured = samples.measurement([samples.process([samples.block(1.0, 1.5)])])
    values = {
        "gate": gates.mixed(),
        "comparisons": [make.comparison()],
        "results": [samples.result(measured)],
    }
    export = EXPORTS[name]
    assert export.name == name
    assert export.render(values[export.takes]).endswith("\n")


def test_the_command_knows_the_formats_of_results():
    assert set(get_args(ExportFormat)) == {e.name for e in EXPORTS.values() if e.takes != "gate"}


def test_nothing_heavy_is_imported():
    code = (
        "import sys, sebench.reporting.exports\n"
        "print([name for name in ('torch', 'pandas', 'pyperf', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
