"""Every op sebench knows: counted by a formula, or free; all others go to the uncounted ledger."""

from __future__ import annotations

from sebench.counters import attention, contractions, elementwise, linear_algebra, pooling
from sebench.counters.elementwise import FREE
from sebench.counters.work import Rule, plain_name

RULES: tuple[Rule, ...] = (
    *contractions.RULES,
    *attention.RULES,
    *linear_algebra.DISTANCES,
    *contractions.DEFORMABLE,
    *linear_algebra.FACTORISATIONS,
    *linear_algebra.TRANSFORMS,
    *elementwise.RULES,
    *pooling.RULES,
    *elementwise.NORMALISATION,
)
_RULE_OF = {name: rule for rule in RULES for name in rule.ops}
_FREE = frozenset(FREE)


def rule_for(op: str) -> Rule | None:
    """The formula of an op such as ``aten.add_``, or None where it has none."""
    return _RULE_OF.get(plain_name(op))


def is_free(op: str) -> bool:
    """Whether an op moves no data: views, allocation, queries (``prim.*``), marks for a profiler."""
    return plain_name(op) in _FREE or op.startswith(("prim.", "profiler."))
