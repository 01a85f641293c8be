"""Every convention against a table worked out from the topologies: the value, and whether it prints."""

from decimal import Decimal
from fractions import Fraction

import pytest

from sebench.errors import UsageError
from sebench.paper.conventions import CONVENTIONS, convention_named
from sebench.paper.figures import published_figures
from sebench.paper.printing import prints, quantized
from sebench.paper.quantities import compute
from sebench.paper.subjects import UNPUBLISHED_GRAPHS, Subject, subject_of
from sebench.runner.counting.auditing import known_models

PAPERS = ("CVPR18", "TPAMI")

# network, variant, printed figure, then per convention: value in the printed unit, and y where it prints.
TABLE = """\
resnet50             plain                          3.86   3.85797y 3.86349y 3.86349y 3.85797y 3.86349y 3.86635n 3.86736y 3.86997y 3.86856y
resnet50             se                             3.87   3.86049n 3.87153y 3.87705n 3.87153y 3.87429y 3.87439y 3.87815y 3.87800y 3.87659y
resnet101            plain                          7.58   7.57019n 7.57913y 7.57913y 7.57019n 7.57913y 7.58369y 7.58470y 7.58901y 7.58590y
resnet101            se                             7.60   7.57494n 7.59280n 7.60173y 7.59280n 7.59727y 7.59737y 7.60284y 7.60268y 7.59957n
resnet152            plain                          11.30  11.28242n 11.29556y 11.29556y 11.28242n 11.29556y 11.30224y 11.30324y 11.30966y 11.30444y
resnet152            se                             11.32  11.28899n 11.31529y 11.32843n 11.31529y 11.32186y 11.32196y 11.32954y 11.32939y 11.32417y
resnext50_32x4d      plain                          4.24   4.23048n 4.23600y 4.23600y 4.23048n 4.23600y 4.23886y 4.24368y 4.24247y 4.24488y
resnext50_32x4d      se                             4.25   4.23299n 4.24403n 4.24955y 4.24403n 4.24679y 4.24689y 4.25447y 4.25051y 4.25291y
resnext101_32x4d     plain                          7.99   7.97000n 7.97893n 7.97893n 7.97000n 7.97893n 7.98349n 7.99002y 7.98881n 7.99122y
resnext101_32x4d     se                             8.00   7.97474n 7.99260n 8.00153y 7.99260n 7.99707y 7.99717y 8.00816y 8.00249y 8.00490y
vgg16_bn             plain                          15.47  15.47026y 15.47026y 15.47026y 15.47026y 15.47026y 15.47103y 15.48535n 15.47333y 15.48381n
vgg16_bn             se                             15.48  15.47049n 15.48404y 15.49759n 15.49759n 15.49081n 15.48480y 15.50590n 15.48710y 15.49759n
bn_inception         plain                          2.03   2.03260y 2.03260y 2.03260y 2.03260y 2.03260y 2.03328y 2.03774y 2.03872y 2.03634y
bn_inception         se                             2.04   2.03324n 2.03442n 2.03560y 2.03560y 2.03501y 2.03510y 2.04015y 2.04054y 2.03816n
inception_resnet_v2  plain                          11.75  13.15579n 13.16733n 13.16733n 13.15579n 13.16733n 13.17359n 13.18179n 13.18330n 13.16931n
inception_resnet_v2  se                             11.76  13.16429n 13.18737n 13.19891n 13.18737n 13.19314n 13.19363n 13.20760n 13.20334n 13.18935n
mobilenet_v1         plain                          569    568.740y 568.740y 568.740y 568.740y 568.740y 568.740y 573.833n 568.765n 573.783n
mobilenet_v1         se                             572    569.220n 571.930y 574.639n 574.639n 573.284n 571.930y 578.377n 571.955n 576.972n
shufflenet_v1_g3     plain                          140    137.461n 138.825n 138.825n 137.461n 138.825n 139.589y 140.337y 140.953y 140.459y
shufflenet_v1_g3     se                             142    138.071n 141.039n 142.643n 141.279n 141.841y 141.804y 143.354n 143.168n 142.674y
resnet50             se(stages=2,bias=false)        3.86   3.85800y 3.86593n 3.86833n 3.86281y 3.86713n 3.86879n 3.87099n 3.87240n 3.87099n
resnet50             se(stages=3,bias=false)        3.86   3.85810y 3.86523n 3.86683n 3.86132y 3.86603n 3.86809n 3.86990y 3.87170n 3.87030n
resnet50             se(stages=4,bias=false)        3.86   3.85876y 3.86548n 3.86669n 3.86117y 3.86609n 3.86834n 3.86995y 3.87196n 3.87055n
resnet50             se(position=3x3,bias=false)    3.86   3.85813y 3.86503n 3.86641n 3.86089y 3.86572n 3.86789n 3.86958y 3.87150n 3.87010n
resnet50             se(squeeze=none,bias=false)    4.27   4.26902y 4.27453y 4.28005n 4.27453y 4.28005n 4.27739n 4.27840y 4.28377n 4.28512n
"""  # noqa: E501
ROWS = [line.split() for line in TABLE.splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_every_cell(row, count):
    model, variant, printed, *cells = row
    cost = count(Subject(model=model, variant=variant))
    scale = 10**9 if "." in printed else 10**6
    for convention, cell in zip(CONVENTIONS.values(), cells, strict=True):
        value = convention.price(cost) / scale
        expected = Decimal(cell[:-1])
        assert quantized(value, -expected.as_tuple().exponent) == expected, convention.name
        assert prints(value, printed, convention.decimal_rounding) == (cell[-1] == "y"), convention.name


def test_what_convolutions_and_fc_layers_make_of_the_printed_figures(count):
    """The shares that docs/paper.md names."""
    known, shares = known_models(), {"ShuffleNet": [], "others": []}
    for figure in published_figures():
        if figure.metric in ("gflops", "mflops") and figure.value and figure.source.startswith(PAPERS):
            subject = subject_of(figure, known)
            if subject and subject.model not in UNPUBLISHED_GRAPHS:
                value = compute(figure, subject, CONVENTIONS["macs"], count).value
                kind = "ShuffleNet" if subject.model == "shufflenet_v1_g3" else "others"
                shares[kind].append(round(100 * float(value) / float(figure.number), 1))
    assert (min(shares["others"]), max(shares["others"])) == (99.5, 100.1)
    assert set(shares["ShuffleNet"]) == {98.2, 97.2}


def test_the_papers_convention_for_resnet50(count):
    # MACs 3,857,973,248 / 3,860,488,192; 5,519,360 residual adds and as many squeezed elements
    plain, se = (
        CONVENTIONS["paper"].price(count(Subject(model="resnet50", variant=v))) for v in ("plain", "se")
    )
    assert plain == 3_857_973_248 + 5_519_360
    assert se == 3_860_488_192 + 2 * 5_519_360


@pytest.mark.parametrize(
    ("value", "text", "rounded", "cut"),
    [
        (Fraction(3865, 1000), "3.87", True, False),  # a half goes up
        (Fraction(3865, 1000), "3.86", False, True),
        (Fraction(7597, 1000), "7.60", True, False),  # digits count: 7.60, not 7.6
        (Fraction(140453, 1000), "140", True, True),
        (Fraction(-5), "-5", True, True),
    ],
)
def test_printing(value, text, rounded, cut):
    assert prints(value, text) is rounded
    assert prints(value, text, "ROUND_DOWN") is cut


def test_an_unknown_convention_is_refused_with_what_comes_close():
    with pytest.raises(UsageError, match="unknown convention 'papr'; did you mean 'paper'"):
        convention_named("papr")
