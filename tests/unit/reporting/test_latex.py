import re

import pytest

from sebench.reporting.document import Cell, Column, Document, Paragraph, Section, Table, text_cell
from sebench.reporting.latex import escape, render_latex

HOSTILE = r"\input{/etc/passwd} 50% & $x_1^2$ #1 ~ {a} [b] <c> |d| \"e\" -- ''"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("resnext50_32x4d", r"resnext50\_32x4d"),
        ("50 % & more", r"50 \% \& more"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a^2 ~ b", r"a\textasciicircum{}2 \textasciitilde{} b"),
        ("1.02 [1.01, 1.03]", "1.02 [1.01, 1.03]"),
        ("+-0.1 -> x", r"+-0.1 -\textgreater{} x"),
        ("--", "-{}-"),
        ("two\nlines", "two lines"),
        ("\x1b[31m", r"\textbackslash{}x1b[31m"),
        ("3 \u00d7 3 \u00b1 1", r"3 $\times$ 3 $\pm$ 1"),
    ],
)
def test_escape(text, latex):
    assert escape(text) == latex


def test_table_with_groups_details_and_notes():
    columns = (
        Column("pair", "pair", role="group"),
        Column("metric", "metric"),
        Column("ratio", "ratio", "right", detail="[95 % CI]"),
        Column("why", "why", wrap=True),
        Column("raw", "raw", role="data"),
    )
    rows = (
        (text_cell("plain -> se"), text_cell("params"), Cell("1.099", 1.099), text_cell("exact"), Cell("x")),
        (text_cell("b"), text_cell("latency"), Cell("1.02", 1.02, "[1.01, 1.03]"), Cell("[x]"), Cell("x")),
    )
    document = Document(
        "T_1", (Section("S", (Paragraph("p", strong=True), Table("", columns, rows))),), ("n",)
    )
    assert (
        render_latex(document)
        == r"""% \usepackage{booktabs}
% \usepackage{longtable}

\section*{T\_1}

\subsection*{S}

\noindent\textbf{p}

\begin{longtable}{@{}lrp{0.4\linewidth}@{}}
\toprule
metric & ratio [95 \% CI] & why \\
\midrule
\endhead
\multicolumn{3}{@{}l}{\textbf{plain -\textgreater{} se}} \\
params & 1.099 & exact \\
\midrule
\multicolumn{3}{@{}l}{\textbf{b}} \\
latency & 1.02 [1.01, 1.03] & {}[x] \\
\bottomrule
\end{longtable}

\begin{itemize}
\item n
\end{itemize}
"""
    )


def test_hostile_texts_leave_braces_balanced_and_nothing_active():
    columns = (Column("a", HOSTILE), Column("b", HOSTILE, role="group"))
    text = render_latex(
        Document(
            HOSTILE,
            (Paragraph(HOSTILE), Table(HOSTILE, columns, ((Cell(HOSTILE), Cell(HOSTILE)),))),
            (HOSTILE,),
        )
    )
    unescaped = re.sub(r"\\[{}%&#_$]", "", text)
    assert unescaped.count("{") == unescaped.count("}")
    assert r"\input" not in text
    body = text.split("\n\n", 1)[1]
    assert not re.search(r"(?<!\\)[%#]", body)
