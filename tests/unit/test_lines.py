"""Text of others becomes neither two lines nor a command to a terminal."""

import pytest

from sebench.lines import exact_line, single_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("two\nlines\r\n\tand  blanks ", "two lines and blanks"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("bell\x07 del\x7f", r"bell\x07 del\x7f"),
        ("\x9b31m", r"\x9b31m"),  # the one-byte form of the same escape
        ("a\u202eb", r"a\u202eb"),  # right-to-left override
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\ud800", r"\ud800"),  # lone surrogate: cannot be written as UTF-8
        ("para\u2029graph", "para graph"),
        ("Größe 大", "Größe 大"),
        ("", ""),
    ],
)
def test_single_line_spells_out_what_would_act(text, shown):
    assert single_line(text) == shown
    single_line(text).encode()


def test_an_exact_line_keeps_its_blanks_and_nothing_else_that_acts():
    assert exact_line("a  b\tc\u2028d\x1b]0;title\x07") == r"a  b\x09c\u2028d\x1b]0;title\x07"
