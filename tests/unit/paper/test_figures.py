"""Files of figures: the installed one, and what users bring."""

import pytest

from sebench.errors import DataFileError
from sebench.paper.figures import parse_figures, published_figures, read_figures

HEADER = "source,model,variant,metric,value,note\n"


def parsed(text):
    return parse_figures(text.encode(), "mine.csv")


def test_the_installed_file():
    figures = published_figures()
    assert len(figures) == 357
    first = next(figure for figure in figures if figure.metric == "gflops")
    assert (first.source, first.model, first.value, first.label) == (
        "CVPR18 Table 2",
        "ResNet-50",
        "3.86",
        "GFLOPs",
    )
    assert next(figure.value for figure in figures if figure.value.startswith("7.6")) == "7.60"


def test_windows_line_ends_a_byte_order_mark_quotes_and_other_column_orders():
    plain = parsed(HEADER + 'blog,resnet50,se,gflops,3.87,"a, b"\n')
    windows = parse_figures(
        b"\xef\xbb\xbfvalue,source,model,variant,metric,extra,note\r\n"
        b'3.87,blog,resnet50,se,gflops,x,"a, b"\r\n',
        "mine.csv",
    )
    assert plain == windows
    assert (plain[0].line, plain[0].note) == (2, "a, b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv: no figures in it"),
        (HEADER, "mine.csv: no figures in it"),
        (
            "source,model,variant,metric,note\na,b,c,d,e\n",
            "mine.csv: no column 'value'; the header",
        ),
        (HEADER + "blog,resnet50,se,gflops,3.8x,\n", "mine.csv line 2: '3.8x' is not a number; gflops takes"),
        (HEADER + "blog,resnet50,se,gflops,nan,\n", "mine.csv line 2: 'nan' is not a number"),
        (HEADER + "blog,resnet50,se,gflops,inf,\n", "mine.csv line 2: 'inf' is not a number"),
        (HEADER + 'blog,"resnet50,se\n', "mine.csv: not CSV"),
        (
            HEADER + "blog,resnet50,se,glops,3.87,\n",
            r"mine.csv line 2: unknown metric 'glops'; did you mean 'gflops'",
        ),
        (HEADER + "blog,resnet50,se,,3.87,\n", "mine.csv line 2: unknown metric ''; it may be ap, ap50"),
        (
            HEADER + "blog,resnet50,se,gflops,3.87,\nblog,resnet50,se\n",
            "mine.csv line 3: the row ends before 'metric' and 'value'; give it the cells source,model",
        ),
        (
            HEADER + "blog,resnet50,se,gflops,3.87,a,b,c\n",
            "mine.csv line 2: more cells than the header has columns; put text with a comma in it into",
        ),
        (HEADER + "blog,resnet50,se,gflops,3,87,\n", "mine.csv line 2: more cells .* write 3.86 for 3,86"),
        (
            HEADER + "blog,resnet50,se,gflops,3,87\n",
            "mine.csv line 2: the value 3 has the note 87; if that is a decimal comma, write 3.87",
        ),
    ],
)
def test_what_is_not_a_table_of_figures_is_refused_by_name(text, message):
    with pytest.raises(DataFileError, match=message):
        parsed(text)


def test_a_note_may_be_left_out_and_empty_rows_are_passed_over():
    (figure,) = parsed(HEADER + "\n,,,,,\nblog,resnet50,se,gflops,3.87\n")
    assert (figure.line, figure.value, figure.note) == (4, "3.87", "")


def test_bytes_that_are_no_text():
    with pytest.raises(DataFileError, match=r"mine.csv: not UTF-8 text \(byte 0\); save it as UTF-8 CSV"):
        parse_figures(b"\xff\xfe\x00", "mine.csv")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataFileError, match="No such file"):
        read_figures(tmp_path / "none.csv")
    with pytest.raises(DataFileError, match="Is a directory"):
        read_figures(tmp_path)


def test_a_cost_may_be_missing_and_other_metrics_may_be_text():
    empty, text = parsed(HEADER + "blog,all,,gflops,,\nblog,X,,top1_acc,70.6/71.8,~\n")
    assert empty.number is None
    assert (text.number, text.approximate) == (None, True)
    assert not parsed(HEADER + "blog,X,,top1_acc,1,~400 epochs\n")[0].approximate
