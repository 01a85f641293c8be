"""Tools that hook modules: what they price, and what they cannot see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from sebench.counters.adapters.observation import ModuleCall, Observation
from sebench.schema import Attribution

Price = tuple[int, str]
"""MACs that a tool charges for a call, and the rule in words."""
ModulePrice = Callable[[ModuleCall], Price | None]
"""None where the tool has no rule for the class of the module."""


def module_differences(
    seen: Observation, price: ModulePrice, *, per_occurrence: bool = False
) -> Iterator[Attribution]:
    """Price every call as the tool does, against our MACs of the same module.

    Args:
        seen: the calls and our count.
        price: the tool's rule.
        per_occurrence: the tool hooks a shared module once per place where it hangs in the tree, and adds it
            up once per place.
    """
    ours, priced = seen.macs_by_module(), Counter[str]()
    kinds, rules = dict(seen.classes), dict[str, str]()
    for call in seen.module_calls:
        found = price(call)
        if found is not None:
            macs, rules[call.path] = found
            places = seen.occurrences.get(id(call.module), 1) if per_occurrence else 1
            priced[call.path] += macs * places**2
    for path in sorted({*ours, *priced}):
        difference = priced[path] - ours[path]
        if difference:
            why = rules.get(path) or "functional call: modules are hooked, and no rule is for this one"
            yield Attribution(op=kinds[path], macs=difference, why=why)
