"""Texts in pictures: how wide they are, shortened, wrapped and harmless."""

import pytest

from sebench.reporting.drawing.elements import element, number, shorten, text_width, wrap


@pytest.mark.parametrize(
    ("value", "text"), [(100.0, "100"), (0.125, "0.12"), (-0.001, "0"), (-2.5, "-2.5"), (1 / 3, "0.33")]
)
def test_coordinates_have_two_decimals_at_most(value, text):
    assert number(value) == text


def test_attributes_are_written_with_hyphens():
    assert element("a", "b", font_size=12.0, class_="x") == '<a font-size="12" class="x">b</a>'
    assert element("a", x=1.5) == '<a x="1.5"/>'


def test_width_is_the_sum_of_the_characters():
    # a: 610, i: 360, M: 960, R: 690, and a full-width character: 1000 thousandths of 10 px
    assert text_width("aiMR网", 10) == pytest.approx(6.1 + 3.6 + 9.6 + 6.9 + 10.0)
    assert text_width("", 10) == 0


def test_what_is_too_wide_loses_its_middle():
    # Ten characters of 6.1 px; 40 px hold six of them, the ellipsis among them.
    assert shorten("abcdefghnk", 10, 61) == "abcdefghnk"
    assert shorten("abcdefghnk", 10, 40) == "abc…nk"
    assert shorten("abcdefghnk", 10, 0) == "a…k"


def test_lines_break_at_blanks_and_no_word_is_wider_than_its_line():
    # A blank is 3.6 px: "aaa aaa" is 40.2 px wide.
    assert wrap("aaa aaa aaa", 10, 41) == ("aaa aaa", "aaa")
    assert wrap("a aaaaaaaaaaaa", 10, 40) == ("a", "aaa…aa")
    assert wrap("", 10, 40) == ()
    assert wrap("a\x1b[31m\nb", 10, 100) == (r"a\x1b[31m b",)
