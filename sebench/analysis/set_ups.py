"""What people call the set-ups of several results: the hardware, and what else tells two of them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sebench.schema import Environment, fingerprint, fingerprint_facts

UNKNOWN_HARDWARE = "unknown machine"
_TOLD = 2
"""So many differing facts are told; of more, digits of the fingerprint stand for all."""
_DIGITS = 6


def hardware(environment: Environment) -> str:
    """The accelerator or processor by name."""
    names = (environment.device.get("name"), environment.cpu.get("model"))
    return next((str(name) for name in names if name), UNKNOWN_HARDWARE)


def set_up_names(environments: Iterable[Environment]) -> Mapping[str, str]:
    """A name for each set-up, by fingerprint: ``AMD EPYC``, or ``AMD EPYC (torch 2.12)`` where there are two.

    Args:
        environments: of results, in any number per set-up.
    """
    known: dict[str, Environment] = {}
    for environment in environments:
        known.setdefault(fingerprint(environment), environment)
    alike: dict[str, list[str]] = {}
    for digest, environment in known.items():
        alike.setdefault(hardware(environment), []).append(digest)
    names: dict[str, str] = {}
    for name, digests in alike.items():
        told = [""] if len(digests) == 1 else _differences([known[digest] for digest in digests], digests)
        for digest, words in zip(digests, told, strict=True):
            names[digest] = f"{name} ({words})" if words else name
    return names


def _differences(environments: Sequence[Environment], digests: Sequence[str]) -> list[str]:
    facts = [fingerprint_facts(environment) for environment in environments]
    keys = dict.fromkeys(key for each in facts for key in each)
    differing = [key for key in keys if any(each.get(key) != facts[0].get(key) for each in facts)]
    told = [", ".join(_fact(key, each.get(key)) for key in differing) for each in facts]
    plain = not any(isinstance(each.get(key), dict) for each in facts for key in differing)
    is_short = plain and len(differing) <= _TOLD
    return told if is_short else [f"set-up {digest[:_DIGITS]}" for digest in digests]


def _fact(key: str, value: Any) -> str:  # noqa: ANN401 - a fact is of any type
    """E.g. ``usable cores 2``; an environment variable keeps its name."""
    name = key.rpartition(".")[2]
    words = name if key.startswith("variables.") else name.replace("_", " ")
    return f"{words} {'unset' if value is None else value}"
