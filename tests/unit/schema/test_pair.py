"""What a pair is called, as one network with two variants and as two networks."""

import pytest

from sebench.schema import Comparison, ModelSpec, Pair

PLAIN, SE = ModelSpec(model="resnet50"), ModelSpec(model="resnet50", variant="se")
OLD, NEW = ModelSpec(model="nets.py:old"), ModelSpec(model="nets.py:new")


@pytest.mark.parametrize(
    ("baseline", "candidate", "names", "title"),
    [
        (PLAIN, SE, ("resnet50", "plain", "se"), "resnet50: plain -> se"),
        (OLD, NEW, ("nets.py:new against nets.py:old", "nets.py:old", "nets.py:new"), None),
        (
            OLD,
            ModelSpec(model="zoo:net", variant="se"),
            ("zoo:net se against nets.py:old", "nets.py:old", "zoo:net se"),
            None,
        ),
        (SE, NEW, ("nets.py:new against resnet50 se", "resnet50 se", "nets.py:new"), None),
        (OLD, OLD, ("nets.py:old", "asis", "asis"), "nets.py:old: asis -> asis"),
    ],
)
def test_names(baseline, candidate, names, title):
    pair = Pair(baseline=baseline, candidate=candidate)
    assert (pair.model, pair.baseline_name, pair.candidate_name) == names
    comparison = Comparison(model=names[0], baseline=names[1], candidate=names[2], metrics=())
    assert comparison.title == (title or names[0])
    assert comparison.of_two_networks == (title is None)
