"""What docs/gate.md shows is what is read."""

import re
from pathlib import Path

from sebench.configuration import load_configuration
from sebench.configuration.settings import CaseSettings, CheckSettings, LockSettings
from sebench.schema import LIMIT_METRICS

GATE = (Path(__file__).parents[3] / "docs" / "gate.md").read_text(encoding="utf-8")


def test_the_example_loads_and_shows_every_section(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", GATE, re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(example)
    configuration = load_configuration(tmp_path)
    assert configuration.lock == LockSettings(models=("resnet50", "nets.py:net"))
    check = configuration.check
    assert all(getattr(check, field) for field in CheckSettings.__struct_fields__)
    assert check.ceiling[0].max_overhead == {"latency": 1.1, "params": 1.11}


def test_every_key_and_metric_is_named():
    named = set(re.findall(r"`([\w-]+)`", GATE)) | set(re.findall(r"^([\w-]+) = ", GATE, re.MULTILINE))
    keys = (*LockSettings.__struct_encode_fields__, *CaseSettings.__struct_encode_fields__)
    assert named >= {*keys, *CheckSettings.__struct_encode_fields__, *LIMIT_METRICS} - {"stored"}
