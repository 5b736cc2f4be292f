"""Arms that are not what was drawn are found, and those that are are left alone."""

import numpy as np
import pytest

from recsys.errors import ShapeError
from recsys.evaluation.sample_ratio import SampleRatio


def of(arms, shares, users=None):
    arms = np.array(arms, np.int32)
    return SampleRatio.of(
        np.arange(len(arms), dtype=np.int32) if users is None else np.array(users, np.int32), arms, shares
    )


def drawn(a, b, shares=None):
    return of([0] * a + [1] * b, shares or {"a": 1, "b": 1})


def test_chi_square_by_hand():
    got = drawn(60, 40)  # (10² + 10²) / 50 = 4, one degree of freedom
    assert (got.users, got.shares) == ((60, 40), (0.5, 0.5))
    assert got.p_value == pytest.approx(0.0455003, abs=1e-7)
    assert not got.mismatched


def test_refused_below_one_in_a_thousand_only():
    near, beyond = drawn(5164, 4836), drawn(5165, 4835)  # χ² 10.76 and 10.89; 10.83 is the limit
    assert near.p_value > 0.001 > beyond.p_value
    assert (near.mismatched, beyond.mismatched) == (False, True)


def test_shares_need_not_be_even():
    assert drawn(900, 100, {"a": 9, "b": 1}).p_value == 1
    assert drawn(900, 100).mismatched
    three = of([0] * 30 + [1] * 30 + [2] * 60, {"a": 0.25, "b": 0.25, "c": 0.5})
    assert three.p_value == 1


def test_an_arm_nobody_saw_is_a_mismatch():
    assert drawn(100, 0).mismatched


def test_a_user_counts_once_in_the_first_arm_and_is_told():
    got = of([0, 1, 1, 0, 1, 1], {"a": 1, "b": 1}, users=[7, 3, 7, 3, 3, 9])
    assert got.users == (1, 2)  # 7 in a; 3 and 9 in b
    assert got.crossed == 2
    assert got.p_value is None


def test_too_few_users_tell_nothing():
    assert drawn(9, 0).p_value is None  # 4.5 to be expected
    assert not drawn(9, 0).mismatched
    assert drawn(10, 0).p_value is not None
    assert of([0] * 99, {"only": 1}).p_value is None


def test_sentence_tells_numbers():
    got = drawn(5400, 4600)
    assert got.sentence == "Of 10,000 users 5,400 in a for 5,000, 4,600 in b for 5,000 by the shares (p = 1.2e-15)."
    few = of([0, 1, 1], {"a": 1, "b": 1}, users=[0, 0, 1])
    assert few.sentence == (
        "Of 2 users 1 in a for 1, 1 in b for 1 by the shares (too few to test); 1 of them seen in several arms."
    )


def test_arms_and_shares_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="arms 0 to 1 for a, b, got 0 to 2; leave out requests outside the experiment"):
        of([0, 1, 2], {"a": 1, "b": 1})
    with pytest.raises(ShapeError, match="arms 0 to 0 for a, got -1 to 0"):
        of([0, -1], {"a": 1})
    with pytest.raises(ShapeError, match=r"a share above 0 for every arm, got \{'a': 1\.0, 'b': 0\.0\}"):
        of([0], {"a": 1, "b": 0})
    with pytest.raises(ShapeError, match="an arm for each of at least one request, got 0 for 0"):
        of([], {"a": 1})


def rates(runs):
    """How often arms of 90 and 10 % that were drawn as they should have p < .05, and a mismatch; and a mismatch
    where four in ten of arm b are lost.
    """
    rng, p, lost = np.random.default_rng(2), [], 0
    shares = {"a": 0.9, "b": 0.1}
    for _ in range(runs):
        arms = (rng.random(4000) < 0.1).astype(np.int32)
        p.append(of(arms, shares).p_value)
        lost += of(arms[(arms == 0) | (rng.random(4000) < 0.6)], shares).mismatched
    return np.mean(np.array(p) < 0.05), np.mean(np.array(p) < 0.001), lost / runs


def test_right_arms_are_left_alone_and_lost_users_found():
    five, one, lost = rates(300)
    assert 0.02 <= five <= 0.09
    assert one <= 0.01
    assert lost >= 0.95


@pytest.mark.prove
def test_right_arms_are_left_alone_in_10000():
    five, one, lost = rates(10_000)
    print(
        f"sample ratio, 4,000 users 90 : 10: p < .05 in {five:.2%}, mismatch in {one:.2%}; "
        f"if four in ten of b are lost: {lost:.1%}"
    )
    assert abs(five - 0.05) <= 0.007
    assert one <= 0.003
    assert lost >= 0.99
