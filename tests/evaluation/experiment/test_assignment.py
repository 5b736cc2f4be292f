"""Arms that chance did not draw, and users in several of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.experiment.assignment import Assignment, changes
from recsys.evaluation.sample_ratio import SampleRatio

AT = np.arange(10_000, dtype=np.int64) * 1_000_000


def assigned(user, arm, *, names=("a", "b"), shares=None):
    user, arm = np.array(user, np.int32), np.array(arm, np.int32)
    return Assignment.of(user, arm, AT[: len(user)], names=names, shares=shares or {})


def names_of(found):
    return [refusal.name for refusal in found.refused()]


def test_no_shares_are_tested_against_nothing():
    got = assigned([0, 1, 2, 0], [0, 1, 1, 0])
    assert (got.users, got.crossed, got.changed, got.left, got.ratio) == (3, 0, None, 0, None)
    assert got.sentence == "No shares given, so the users of the arms are tested against nothing."
    assert got.refused() == ()
    assert assigned([0], [0], shares={"a": 1.0}).ratio is None


def test_arms_are_tested_against_their_shares():
    shares = {"a": 0.5, "b": 0.5}
    got = assigned(range(1000), np.arange(1000) % 2, shares=shares)
    assert got.sentence == "Of 1,000 users 500 in a for 500, 500 in b for 500 by the shares (p = 1)."
    assert got.refused() == ()
    for first, refused in ((450, []), (440, ["sample-ratio"])):  # z of 3.16 and 3.79, of 3.29 for p = .001
        assert names_of(assigned(range(1000), np.arange(1000) >= first, shares=shares)) == refused


def test_the_refusal_is_that_of_the_ratio():
    shares = {"a": 1, "b": 1, "c": 2}
    (found,) = assigned(range(400), np.repeat([0, 1, 2], [60, 120, 220]), names=tuple(shares), shares=shares).refused()
    assert found.name == "sample-ratio"
    assert found.because.startswith("Arm 'a' has 60 of 400 users (15 %) instead of 25 % (p = ")


def test_arms_without_a_share_or_without_users():
    got = assigned(range(300), np.arange(300) % 3, names=("a", "b", "c"), shares={"a": 1, "b": 1})
    assert got.ratio == SampleRatio(arms=("a", "b"), users=(100, 100), shares=(0.5, 0.5), crossed=0, p_value=1.0)
    assert names_of(assigned(range(300), np.zeros(300), names=("a",), shares={"a": 1, "b": 1})) == ["sample-ratio"]
    assert assigned(range(300), np.zeros(300), names=("a",), shares={"b": 1, "c": 1}).ratio is None


def test_a_user_in_several_arms_counts_where_it_was_first():
    got = assigned([0, 1, 0, 0], [0, 1, 1, 0], shares={"a": 1, "b": 1})
    assert got.ratio.users == (1, 1)
    assert (got.users, got.crossed, got.changed, got.left) == (2, 1, AT[3], 1)
    assert got.sentence.endswith(" 1 of 2 users (50 %) were seen in several arms and are left out.")


def test_more_than_one_in_a_hundred_in_several_arms_is_refused():
    user = [*range(200), 7, 8, 9, *range(20, 30)]
    arm = np.arange(200) % 2
    two, three = ([*arm, *1 - arm[7:9], arm[9], *arm[20:30]], [*arm, *1 - arm[7:10], *arm[20:30]])
    assert names_of(assigned(user, two)) == []
    (found,) = assigned(user, three).refused()
    assert found.name == "crossed-arms"
    assert found.because == "3 of 200 users (1.5 %) were seen in several arms, more than 1 %."
    assert "nobody changed any more since=1970-01-01T00:03:22Z, which leaves 11 answers)" in found.cure
    assert "ramp" not in found.cure


def test_those_whom_a_ramp_took_are_told_of():
    user, arm = [*range(50), *range(3)], [*np.ones(50), 0, 0, 0]
    (found,) = assigned(user, arm, names=("a", "default")).refused()
    assert "or since= the end of the ramp, for default is who waits for it" in found.cure
    (found,) = assigned(user, arm, names=("default", "a")).refused()
    assert "ramp" not in found.cure
    waiting = assigned([99, *user], [2, *arm], names=("a", "b", "default"))
    assert not waiting.ramped


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=40))
def test_changes_are_told_answer_by_answer(pairs):
    last, expected = {}, []
    for user, arm in pairs:
        expected.append(last.get(user, arm) != arm)
        last[user] = arm
    user, arm = np.array(pairs, np.int32).T
    assert changes(user, arm).tolist() == expected
    got = assigned(user, arm, names=("a", "b", "c"))
    assert got.crossed == len({u for (u, _), moved in zip(pairs, expected, strict=True) if moved})
    assert got.users == len(last)


def test_equal_shares_are_refused_in_one_of_a_thousand():
    rng = np.random.default_rng(0)
    refused = sum(
        bool(assigned(range(500), rng.random(500) < 0.3, names=("b", "a"), shares={"a": 3, "b": 7}).refused())
        for _ in range(300)
    )
    assert refused <= 4  # P(more | .001 each) < 10^-5
