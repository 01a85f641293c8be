"""What `sebench list variants` shows is read off the parser, and the parser accepts it."""

from sebench.models import grammar
from sebench.schema import ATTENTION_KINDS, parse_variant

ALONE_REFUSED = ("ge(form=theta)", "ge(form=theta-plus)")
"""They need an extent."""


def is_of(kinds, syntax):
    return syntax.partition("(")[0] in kinds


FORMS = "standard|pooled|conv1x1|clip|fused|avgpool|expanded|blocked|folded|recomputed"


def test_every_option_is_listed_with_its_default():
    rows = {row.syntax: row.default for row in grammar()}
    kinds = [name for name in ATTENTION_KINDS if name != "se"]
    assert {syntax: default for syntax, default in rows.items() if not is_of(kinds, syntax)} == {
        "plain": "",
        "asis": "",
        f"asis(form={FORMS})": "standard",
        "asis(without=PATH+PATH)": "none",
        "se": "",
        "se(r=1, 2, ...)": "16",
        "se(stages=2-4 or 2+4)": "all",
        "se(position=standard|pre|post|identity|3x3)": "standard",
        "se(squeeze=avg|max|avgmax|none)": "avg",
        "se(excitation=sigmoid|relu|tanh|hardsigmoid)": "sigmoid",
        "se(bias=true|false)": "true",
        "se(fc=linear|conv1x1)": "linear",
        "se(pool=mean|avgpool)": "mean",
        f"se(form={FORMS})": "standard",
        "se(without=PATH+PATH)": "none",
    }


def test_every_listed_choice_parses():
    for row in grammar():
        name, _, values = row.syntax.removesuffix(")").partition("=")
        for value in values.split("|") if "|" in values else ():
            if value[0].isdigit() and "," in value:  # the start of a series
                continue
            if f"{name}={value})" not in ALONE_REFUSED:
                variant = parse_variant(f"{name}={value})")
                assert (variant.attention or "asis") == name.partition("(")[0]
