"""Forms in the variant grammar, and what the catalogue says of them."""

from typing import get_args

import pytest

from sebench.errors import VariantError
from sebench.schema import ATTENTION_KINDS, Runtime, Variant, parse_variant
from sebench.schema.attention import FORM
from sebench.schema.forms import (
    FORMS,
    canonical_forms,
    form_named,
    forms_for,
    forms_of,
    mark_forms,
    with_implied,
)


@pytest.mark.parametrize(
    ("text", "canonical", "forms"),
    [
        ("se(form=pooled)", "se(form=pooled)", ("pooled",)),
        ("se(form=fused+pooled, r=8)", "se(r=8,form=pooled+fused)", ("pooled", "fused")),
        ("SE(form=Pooled + Pooled)", "se(form=pooled)", ("pooled",)),
        ("se(form=standard)", "se", ()),
        ("asis(form=clip)", "asis(form=clip)", ("clip",)),
        ("asis", "asis", ()),
        ("ese(form=pooled)", "ese(form=pooled)", ("pooled",)),
        # folded includes pooled and blocked, blocked expanded, that conv1x1 and avgpool.
        ("se(form=avgpool+folded+pooled+expanded)", "se(form=folded)", ("folded",)),
        # Another option of this name.
        ("ge(form=theta-plus,extent=8)", "ge(form=theta-plus,extent=8)", ()),
    ],
)
def test_grammar(text, canonical, forms):
    variant = parse_variant(text)
    assert (str(variant), variant.forms) == (canonical, forms)
    assert parse_variant(str(variant)) == variant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("se(form=poled)", "unknown form 'poled'; did you mean 'pooled' or 'folded'?"),
        ("se(form=pooled+)", "form missing; choose from pooled, conv1x1"),
        ("se(form=standard+pooled)", "unknown form 'standard'"),
        ("plain(form=pooled)", "plain has no options"),
        ("asis(r=8)", "unknown option 'r'; choose from form"),
        ("eca(form=pooled)", "unknown option 'form'"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(VariantError) as caught:
        parse_variant(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("se(r=8,form=folded)", "se(r=8)"),
        ("asis(form=fused)", "asis"),
        ("ge(form=theta-plus,extent=8)", "ge(form=theta-plus,extent=8)"),
        ("plain", "plain"),
    ],
)
def test_the_same_attention_as_written(text, standard):
    assert str(parse_variant(text).standard) == standard


def test_a_form_is_no_argument_of_the_module_and_leaves_no_parts_to_tell_apart():
    variant = parse_variant("se(form=fused)")
    assert "form" not in variant.arguments
    assert variant.parts == ()
    assert len(Variant("se").parts) == 3


def test_what_forms_include():
    names = [form.name for form in with_implied(("folded",))]
    assert names == ["pooled", "conv1x1", "avgpool", "expanded", "blocked", "folded"]
    assert canonical_forms(names) == ("folded",)
    assert with_implied(()) == ()


def test_catalogue():
    assert len({form.name for form in FORMS}) == len(FORMS)
    for form in FORMS:
        assert form.runtimes
        assert set(form.runtimes) <= set(get_args(Runtime))
        assert all(set(form.runtimes) <= set(form_named(name).runtimes) for name in form.implies)
        assert (form.phases == ("training",)) == (form.level == "module")
    assert [form.name for form in forms_for("eager")] == ["pooled", "conv1x1", "fused"]
    assert [form.name for form in forms_for("eager", "training")] == ["recomputed"]
    assert forms_for("compile", "training") == ()


def test_forms_of_different_phases_do_not_mix():
    message = r"form 'pooled\+recomputed' mixes forms for training \(recomputed\) with others for inference"
    with pytest.raises(VariantError, match=message):
        parse_variant("se(form=pooled+recomputed)")


def test_kinds_with_forms():
    kinds = [kind.name for kind in ATTENTION_KINDS.values() if FORM in kind.options]
    assert kinds == ["se", "ese"]


def test_what_is_noted_on_a_network():
    class Network:
        pass

    network = Network()
    assert forms_of(network) == ()
    mark_forms(network, ("blocked",), {})
    assert forms_of(network) == ("blocked",)
