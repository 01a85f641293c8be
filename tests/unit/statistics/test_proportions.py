import math

import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from sebench.errors import UsageError
from sebench.statistics import mcnemar_exact, tango_interval, wilson_interval

Z = 1.959963984540054


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (38_000, 50_000), (1, 1)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(correct, n, confidence):
    found = wilson_interval(correct, n, confidence)
    known = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)


def test_wilson_by_hand():
    # 0 of 10: 0 to z^2 / (n + z^2) = 3.8415 / 13.8415.
    found = wilson_interval(0, 10)
    assert found.low == 0
    assert found.high == pytest.approx(Z * Z / (10 + Z * Z), rel=1e-12)


def test_mcnemar_by_hand():
    # 1 against 5: 2 (C(6, 0) + C(6, 1)) / 2^6 = 14 / 64.
    assert mcnemar_exact(1, 5) == pytest.approx(14 / 64)
    assert mcnemar_exact(5, 1) == pytest.approx(14 / 64)
    assert mcnemar_exact(3, 3) == 1
    assert mcnemar_exact(0, 0) == 1
    assert mcnemar_exact(0, 10) == pytest.approx(2 / 1024)


def test_mcnemar_is_scipys_binomial_test():
    assert mcnemar_exact(412, 388) == pytest.approx(binomtest(412, 800).pvalue, rel=1e-9)


def test_no_difference_seen_by_hand():
    # b = c = 0: z(d) = sqrt(n d / (1 - d)), so that the limits are -+ z^2 / (n + z^2).
    found = tango_interval(0, 0, 100)
    assert (found.low, found.high) == pytest.approx((-0.0369935, 0.0369935), abs=1e-6)


def _likelihood_score(b, c, n, d):
    """Tango's z, the share that the baseline alone gets right found by a search instead of a formula."""

    def against(q):
        """Minus the log-likelihood of b, c and the rest, given q and q + d."""
        parts = ((b, q), (c, q + d), (n - b - c, 1 - 2 * q - d))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    bounds = (max(0, -d), (1 - d) / 2)
    q = minimize_scalar(against, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (c - b - n * d) / math.sqrt(n * (2 * q + d * (1 - d)))


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (3, 9, 40), (700, 912, 50_000), (1, 1, 10)])
def test_limits_are_where_the_likelihood_says(b, c, n):
    found = tango_interval(b, c, n)
    assert _likelihood_score(b, c, n, found.low) == pytest.approx(Z, abs=1e-3)
    assert _likelihood_score(b, c, n, found.high) == pytest.approx(-Z, abs=1e-3)
    assert found.low < (c - b) / n < found.high


def test_sides_exchanged_change_the_sign():
    one, other = tango_interval(7, 2, 60), tango_interval(2, 7, 60)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_many_images_give_walds_interval():
    # d -+ z sqrt((b + c) / n^2) with b = 2000, c = 2100, n = 10^6, up to terms of 1 / n.
    found = tango_interval(2000, 2100, 10**6)
    half_width = Z * math.sqrt(4100 - 100**2 / 10**6) / 10**6
    assert (found.low, found.high) == pytest.approx((1e-4 - half_width, 1e-4 + half_width), abs=2e-6)


def test_every_table_of_ten_images_has_its_estimate_inside():
    for b in range(11):
        for c in range(11 - b):
            found = tango_interval(b, c, 10)
            assert -1 <= found.low <= (c - b) / 10 <= found.high <= 1
            assert found.high - found.low > 0.1


@pytest.mark.parametrize("call", [lambda: wilson_interval(2, 1), lambda: wilson_interval(0, 0)])
def test_no_counts(call):
    with pytest.raises(UsageError, match="are no counts"):
        call()
    with pytest.raises(UsageError, match="are no counts"):
        tango_interval(5, 6, 10)
    with pytest.raises(UsageError, match="are no counts"):
        mcnemar_exact(-1, 2)
