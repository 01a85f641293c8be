"""The op tables themselves: no op twice, and the docs page shows what the code does."""

from collections import Counter
from pathlib import Path

import torch
import torchvision  # noqa: F401 - has ops of its own

from sebench.counters.elementwise import FREE
from sebench.counters.formulas import RULES, is_free, rule_for

DOCS = Path(__file__).parents[3] / "docs" / "counting.md"


def test_no_op_has_two_formulas():
    names = Counter(name for rule in RULES for name in rule.ops) + Counter(FREE)
    assert [name for name, uses in names.items() if uses > 1] == []


def test_known_names_are_real_ops():
    unreal = [name for rule in RULES for name in rule.ops if not _exists(name)]
    assert sorted(unreal) == []


def _exists(name):
    library, _, op = name.rpartition(".")
    ops = getattr(torch.ops, library or "aten")
    return hasattr(ops, op) or hasattr(ops, f"{op}_")


def test_in_place_ops_share_the_formula():
    assert rule_for("aten.add_") is rule_for("aten.add")
    assert is_free("aten.squeeze_")
    assert rule_for("torchvision.nms") is None


def test_docs_show_this_table():
    lines = ["| aten ops | MACs | FLOPs |", "|---|---|---|"]
    lines += [f"| {quoted(rule.ops)} | {rule.macs} | {rule.flops} |" for rule in RULES]
    table = "\n".join([*lines, f"| {quoted(FREE)} | free | free, no bytes |"])
    assert table in DOCS.read_text(encoding="utf-8"), f"docs/counting.md should show\n{table}"


def quoted(ops):
    return ", ".join(f"`{name}`" for name in ops)
