import numpy as np
import pytest

from recsys.ranking.kernels import age, interval, share


def test_a_share_of_nothing_is_missing() -> None:
    assert share(3, 4) == 0.75
    assert share(0.0, 2.0) == 0
    assert np.isnan([share(1, 0), share(1.0, -2.0), share(1.0, np.nan)]).all()


@pytest.mark.parametrize(("at", "days"), [(0, 10), (90, 1), (130, 0)])
def test_ages_are_days_and_never_below_zero(at: int, days: float) -> None:
    assert age(at, 100, 10) == days


def test_what_never_was_has_no_age() -> None:
    assert np.isnan(age(-1, 100, 10))


def test_an_interval_takes_two_visits() -> None:
    assert interval(0, 60, 4.0, 10) == 2
    assert interval(0, 60, 2.0, 10) == 6
    assert np.isnan(interval(10, 10, 1.0, 10))
