"""Every random draw of a training run, as a function of the seed and of where the run stands.

Nothing random is carried from one step to the next. So a run that goes on where it was stopped draws what it
would have drawn, and networks that are trained alone see the batches that they would see side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

_LARGEST = 2**32 - 1
"""Of a seed that every generator takes, numpy's among them."""


def derived_seed(*place: object) -> int:
    """A seed of 32 bits from the seed of the run and the words and numbers that say where it stands."""
    text = "/".join(map(str, place))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") & _LARGEST


def epoch_order(labels: Sequence[int], *, seed: int, epoch: int, balanced: bool) -> list[int]:
    """Positions of the images of one epoch, as many as there are images.

    Args:
        labels: class of each image.
        seed: of the run.
        epoch: counted from 0.
        balanced: draw every class equally often, to within one; the images of a class come in turn, in
            shuffled order, again from the start where they do not suffice (Shen et al. 2016, "Relay
            backpropagation", as the SE paper has it). Else every image comes once.
    """
    random = Random(f"{seed}/order/{epoch}")
    order = _balanced(labels, random) if balanced else list(range(len(labels)))
    random.shuffle(order)
    return order


def _balanced(labels: Sequence[int], random: Random) -> list[int]:
    members: dict[int, list[int]] = {}
    for position, label in enumerate(labels):
        members.setdefault(label, []).append(position)
    classes = sorted(members)
    each, more = divmod(len(labels), len(classes))
    favoured = set(random.sample(classes, more))
    order: list[int] = []
    for label in classes:
        wanted = each + (label in favoured)
        while wanted > 0:
            random.shuffle(members[label])
            order += members[label][:wanted]
            wanted -= len(members[label])
    return order
