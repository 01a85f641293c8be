"""The variant grammar: what it reads, how it prints, what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sebench.errors import VariantError
from sebench.schema import Variant, format_stages, hidden_channels, parse_variant


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("plain", "plain"),
        ("plain()", "plain"),
        (" Plain ", "plain"),
        ("se", "se"),
        ("SE", "se"),
        ("se()", "se"),
        ("se(r=16)", "se"),
        ("se(r=8)", "se(r=8)"),
        ("  se ( R = 8 )  ", "se(r=8)"),
        ("se(r=08)", "se(r=8)"),
        ("se(stages=2-4)", "se(stages=2-4)"),
        ("se(stages=2+3+4)", "se(stages=2-4)"),
        ("se(stages=2,4)", "se(stages=2+4)"),
        ("se(stages=2, 4-5)", "se(stages=2+4-5)"),
        ("se(stages=5,4,2)", "se(stages=2+4-5)"),
        ("se(stages=3 + 3)", "se(stages=3)"),
        ("se(stages=2,4,r=8)", "se(r=8,stages=2+4)"),
        ("se(position=standard,squeeze=avg,excitation=sigmoid,bias=true)", "se"),
        (
            "se(bias=false,excitation=tanh,squeeze=max,position=pre,stages=3-4,r=2)",
            "se(r=2,stages=3-4,position=pre,squeeze=max,excitation=tanh,bias=false)",
        ),
        ("se(position=3X3)", "se(position=3x3)"),
        ("se(bias=True)", "se"),
        (
            "se(without=stage10.0.attention+stage2.0.attention)",
            "se(without=stage2.0.attention+stage10.0.attention)",
        ),
        ("se(without=a.B + a.B, r=8)", "se(r=8,without=a.B)"),
        ("se(without=none)", "se"),
        ("asis(without=.#2)", "asis(without=.#2)"),
        ("asis(form=pooled,without=blocks.0.se)", "asis(form=pooled,without=blocks.0.se)"),
    ],
)
def test_reads_and_prints_the_canonical_form(text, canonical):
    assert str(parse_variant(text)) == canonical


def test_options():
    assert parse_variant("plain") == Variant()
    options = {
        "r": 8, "stages": (2, 3), "position": "post", "squeeze": "none", "excitation": "relu", "bias": False,
    }  # fmt: skip
    variant = parse_variant("se(r=8,stages=2-3,position=post,squeeze=none,excitation=relu,bias=false)")
    assert variant == Variant("se", options)
    assert (variant.stages, variant.position) == ((2, 3), "post")
    # what says where modules sit is no argument of theirs
    assert variant.arguments == {
        "r": 8, "squeeze": "none", "excitation": "relu", "bias": False, "fc": "linear", "pool": "mean",
    }  # fmt: skip


def test_options_that_are_not_given_have_their_defaults():
    variant = parse_variant("se(r=8)")
    assert variant.options == {"r": 8}
    assert variant.arguments == {
        "r": 8, "squeeze": "avg", "excitation": "sigmoid", "bias": True, "fc": "linear", "pool": "mean",
    }  # fmt: skip
    assert (variant.stages, variant.position) == (None, "standard")
    plain = Variant()
    assert (plain.kind, plain.arguments, plain.stages, plain.position) == (None, {}, None, "standard")


def test_equal_variants_are_one_key():
    variants = {Variant("se"), Variant("se", {"r": 16, "stages": None, "bias": True}), parse_variant("se()")}
    assert variants == {Variant("se")}


def test_parts():
    assert [part.name for part in parse_variant("se(r=4,bias=false)").parts] == ["squeeze", "excite", "scale"]
    assert parse_variant("se(squeeze=none)").parts == ()
    assert Variant().parts == ()


def test_replaced_options_are_checked_too():
    variant = parse_variant("se(r=8,stages=2-4)")
    assert str(variant.replaced(stages=None)) == "se(r=8)"
    assert str(variant.replaced(bias=False)) == "se(r=8,stages=2-4,bias=false)"
    with pytest.raises(VariantError, match="unknown option 'ratio'"):
        variant.replaced(ratio=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduction": 8}, "unknown option 'reduction'; did you mean 'excitation'?"),
        ({"r": 0}, "option 'r' cannot be 0; its values are 1, 2, ..."),
        ({"r": 8.0}, "option 'r' cannot be 8.0; its values are 1, 2, ..."),
        ({"r": True}, "option 'r' cannot be True; its values are 1, 2, ..."),
        ({"r": "8"}, "option 'r' cannot be '8'; its values are 1, 2, ..."),
        ({"r": None}, "option 'r' cannot be None; its values are 1, 2, ..."),
        ({"stages": (3, 2)}, "option 'stages' cannot be (3, 2); its values are 2-4 or 2+4"),
        ({"stages": ()}, "option 'stages' cannot be (); its values are 2-4 or 2+4"),
        ({"stages": 3}, "option 'stages' cannot be 3; its values are 2-4 or 2+4"),
        ({"bias": 1}, "option 'bias' cannot be 1; its values are true|false"),
        ({"squeeze": "sum"}, "option 'squeeze' cannot be 'sum'; its values are avg|max|avgmax|none"),
        ({"squeeze": 3}, "option 'squeeze' cannot be 3; its values are avg|max|avgmax|none"),
    ],
)
def test_values_that_no_text_has_are_refused(options, message):
    with pytest.raises(VariantError) as caught:
        Variant("se", options)
    assert str(caught.value) == message


def test_an_unknown_kind_and_options_of_the_plain_network_are_refused():
    with pytest.raises(
        VariantError, match="unknown attention 'nla'; choose from plain, asis, se, ese, eca, "
    ):
        Variant("nla")
    with pytest.raises(VariantError, match="unknown option 'r'; there is none"):
        Variant(None, {"r": 8})


@given(
    st.fixed_dictionaries(
        {
            "r": st.integers(1, 4096),
            "stages": st.none() | st.sets(st.integers(1, 9), min_size=1).map(lambda s: tuple(sorted(s))),
            "position": st.sampled_from(["standard", "pre", "post", "identity", "3x3"]),
            "squeeze": st.sampled_from(["avg", "max", "avgmax", "none"]),
            "excitation": st.sampled_from(["sigmoid", "relu", "tanh", "hardsigmoid"]),
            "bias": st.booleans(),
        }
    ).map(lambda options: Variant("se", options))
)
def test_printing_and_reading_are_inverse(variant):
    assert parse_variant(str(variant)) == variant


KINDS = "choose from plain, asis, se, ese, eca, cbam, bam, ge, gc, srm, coord, simam, scse"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"attention missing; {KINDS}"),
        ("plane", "unknown attention 'plane'; did you mean 'plain'?"),
        ("nla", f"unknown attention 'nla'; {KINDS}"),
        ("se r=8", f"unknown attention 'se r=8'; {KINDS}"),
        ("plain(r=8)", "plain has no options; write plain, or name an attention"),
        ("se(", "unbalanced parentheses; write it as NAME(option=value,...)"),
        ("se)", "unbalanced parentheses; write it as NAME(option=value,...)"),
        ("se(r=8))", "unbalanced parentheses; write it as NAME(option=value,...)"),
        ("se((r=8)", "unbalanced parentheses; write it as NAME(option=value,...)"),
        ("se(r=8)x", "unbalanced parentheses; write it as NAME(option=value,...)"),
        ("se(r=0)", "r must be a whole number of at least 1, not '0'; for example r=16"),
        ("se(r=-4)", "r must be a whole number of at least 1, not '-4'; for example r=16"),
        ("se(r=1.5)", "r must be a whole number of at least 1, not '1.5'; for example r=16"),
        ("se(r=8,r=8)", "option 'r' is given twice; keep one of them"),
        ("se(r)", "option 'r' has no value; write r=..."),
        ("se(r=)", "option 'r' has no value; write r=..."),
        (
            "se(r=8,)",
            "option missing; choose from r, stages, position, squeeze, excitation, bias, fc, pool, form,"
            " without",
        ),
        ("se(stage=2)", "unknown option 'stage'; did you mean 'stages'?"),
        ("se(squeze=avg)", "unknown option 'squeze'; did you mean 'squeeze'?"),
        (
            "se(position=pst)",
            "unknown position value 'pst'; did you mean 'post'?",
        ),
        (
            "se(squeeze=sum)",
            "unknown squeeze value 'sum'; choose from avg, max, avgmax, none",
        ),
        ("se(bias=yes)", "unknown bias value 'yes'; choose from true, false"),
        ("se(stages=4-2)", "'4-2' is not a stage or range of stages; for example stages=2+4-5"),
        ("se(stages=2++4)", "'' is not a stage or range of stages; for example stages=2+4-5"),
        ("se(stages=two)", "'two' is not a stage or range of stages; for example stages=2+4-5"),
        ("se(stages=2-9999)", "'2-9999' is not a stage or range of stages; for example stages=2+4-5"),
    ],
)
def test_refuses_in_one_line(text, message):
    with pytest.raises(VariantError) as caught:
        parse_variant(text)
    assert str(caught.value) == f"variant {text!r}: {message}"


@pytest.mark.parametrize("text", ["se(r=" + "9" * 5000 + ")", "se(r=²)", "se(stages=٢)"])
def test_numbers_are_short_ascii(text):
    with pytest.raises(VariantError):
        parse_variant(text)


def test_hidden_channels_are_floored_and_never_zero():
    # BN-Inception's widths (topologies): 1056 // 16 = 66, 608 // 16 = 38; ResNet-110: 16 // 16 = 1
    assert [hidden_channels(c, 16) for c in (1056, 608, 64, 16, 8)] == [66, 38, 4, 1, 1]


def test_stage_sets_print_as_runs():
    assert format_stages((5, 2, 3)) == "2-3+5"


def test_gates_that_are_left_out_are_no_argument_of_the_others():
    variant = parse_variant("eca(without=a.0)")
    assert (variant.without, variant.arguments, variant.forms) == (("a.0",), {"k": "adaptive"}, ())
    assert parse_variant("asis(form=pooled,without=a.0)").standard == parse_variant("asis(without=a.0)")
    assert parse_variant("se").without == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("se(without=a+)", "without: '' is not the path of a gate; for example without=stage5.2.attention"),
        ("se(without=a b)", "without: 'a b' is not the path of a gate"),
        ("plain(without=a)", "plain has no options"),
    ],
)
def test_what_is_no_path_of_a_gate(text, message):
    with pytest.raises(VariantError) as caught:
        parse_variant(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("se(without=blocks.1.s)", "net has no gate 'blocks.1.s'; did you mean 'blocks.1.se'"),
        ("se(without=x)", "net has no gate 'x'; `sebench count --by site` lists them"),
        ("se(without=blocks.0.se+blocks.1.se)", "leaves out every gate of net; use plain"),
    ],
)
def test_gates_that_cannot_be_left_out(text, message):
    with pytest.raises(VariantError) as caught:
        parse_variant(text).require_gates("net", ("blocks.0.se", "blocks.1.se"))
    assert message in str(caught.value)
