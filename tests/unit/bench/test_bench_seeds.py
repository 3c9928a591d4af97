"""The statistics of a difference between seeds, checked against SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganzoo.bench.seeds import MOST_SPLITS, permutation, separated, student, welch
from ganzoo.runs.ranking import Ranking

LOWER, HIGHER = Ranking("fid"), Ranking("recall", lower_is_better=False)
RNG = np.random.default_rng(0)
SAMPLES = [
    (RNG.normal(20, 1, one).tolist(), RNG.normal(22, scale, other).tolist())
    for one, other, scale in [(2, 2, 1.0), (2, 5, 0.1), (3, 3, 4.0), (10, 4, 2.0)]
]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((20.0, 21.0), (22.0, 23.0), True),
        ((22.0, 23.0), (21.0, 20.0), True),  # in either order
        ((20.0, 22.0), (21.0, 23.0), False),
        ((20.0, 22.0), (22.0, 23.0), False),  # equal seeds do not separate
        ((20.0,), (22.0, 23.0), False),
        ((20.0, 21.0), (22.0,), False),
    ],
)
@pytest.mark.parametrize("ranking", [LOWER, HIGHER])
def test_seeds_separate_if_all_of_one_side_are_better(one, other, expected, ranking):
    assert separated(ranking, one, other) is expected


@pytest.mark.parametrize("degrees", [1, 1.01, 1.7, 2, 3.3, 10, 49, 1000])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_students_t_is_scipys(degrees, level):
    assert student(degrees, level) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-5)


@pytest.mark.parametrize(("one", "other"), SAMPLES)
def test_welchs_interval_is_scipys(one, other):
    found, expected = welch(one, other), stats.ttest_ind(one, other, equal_var=False)
    assert found.degrees == pytest.approx(expected.df)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6)
    assert found.without_zero == (expected.pvalue < 0.05)


def test_welchs_interval_wants_two_seeds_and_copes_with_equal_ones():
    assert welch([20.0], [22.0, 23.0]) is None
    same = welch([20.0, 20.0], [22.0, 22.0])
    assert (same.low, same.high, same.without_zero) == (-2.0, -2.0, True)


@pytest.mark.parametrize(("one", "other"), SAMPLES)
def test_the_permutation_test_is_scipys(one, other):
    expected = stats.permutation_test(
        (one, other), lambda a, b: abs(np.mean(a) - np.mean(b)), n_resamples=np.inf, alternative="greater"
    )
    assert permutation(one, other) == pytest.approx(expected.pvalue)


def test_the_permutation_test_counts_mirrored_splits_of_large_values():
    one, other = [19.99603, 19.99512, 19.99924], [19.99709, 20.00315, 19.99787]
    assert permutation(one, other) == permutation(other, one) == pytest.approx(0.4)


def test_the_permutation_test_is_left_out_where_it_takes_long():
    assert permutation([0.0] * 3, [1.0] * 3) == pytest.approx(2 / 20)
    assert permutation([0.0] * 10, [1.0] * 11) is None and MOST_SPLITS < 352_716
