"""What `sebench list variants` shows is read off the parser, and the parser accepts it."""

from sebench.models import grammar
from sebench.schema import parse_variant


def test_every_option_is_listed_with_its_default():
    rows = {row.syntax: row.default for row in grammar()}
    assert rows == {
        "plain": "",
        "se": "",
        "se(r=1, 2, ...)": "16",
        "se(stages=2-4 or 2+4)": "all",
        "se(position=standard|pre|post|identity|3x3)": "standard",
        "se(squeeze=avg|max|avgmax|none)": "avg",
        "se(excitation=sigmoid|relu|tanh|hardsigmoid)": "sigmoid",
        "se(bias=true|false)": "true",
    }


def test_every_listed_choice_parses():
    for row in grammar():
        name, _, values = row.syntax.removesuffix(")").partition("=")
        for value in values.split("|") if "|" in values else ():
            assert parse_variant(f"{name}={value})").attention == "se"
