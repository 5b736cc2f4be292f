"""A log as arrays: each value where it belongs, whatever the order of rows; or a refusal, never anything between."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.policy_log import ANSWERS, PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.left_out import LeftOut
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.log.pace import Pace
from tests.evaluation.off_policy.small_log import GOOD, LATER, answer, at, event, log, many

MINUTE = 60_000_000


def read(made: PolicyLog, **config: object) -> Logged:
    found = Logged.of(made, OffPolicyConfig(**config), as_of=LATER)
    assert isinstance(found, Logged), found
    return found


def names(made: PolicyLog, *, as_of: int = LATER, **config: object) -> list[str]:
    found = Logged.of(made, OffPolicyConfig(**config), as_of=as_of)
    assert isinstance(found, tuple)
    return [refusal.name for refusal in found]


@pytest.fixture(scope="module")
def three() -> PolicyLog:
    """r2 is without items; r1 and r3 are asked at the same instant, r3 without a user."""
    answers = [
        answer("r3", 0, "y", "x", user_id=None, arm="b", bundle="bbb", propensity=0.25),
        answer("r2", 5, user_id="ann"),
        answer("r1", 0, "x", "z", "y", user_id="ann", score=None, seed=None),
    ]
    drawn = {"request_id": "r3", "at": at(0), "user_id": None, "item_ids": ["w", "y", "x"], "scores": [3.0, 2.0, 1.0]}
    return log(answers, [event("r1", "y", 9, user_id="ann"), event("r3", "y", 9)], [drawn])


def test_every_value_stands_where_it_belongs(three):
    found = read(three)
    assert found.request_id.to_list() == ["r1", "r3", "r2"]
    assert (found.at - found.at[0]).tolist() == [0, 0, 5 * MINUTE]
    assert found.indptr.tolist() == [0, 3, 5, 5]
    assert found.item.decode().to_list() == ["x", "z", "y", "y", "x"]
    assert found.position.tolist() == [1, 2, 3, 1, 2]
    assert found.propensity.tolist() == [1 / 2, 1 / 3, 1 / 4, 0.25, 0.25]
    assert found.score.tolist()[3:] == [1, 1 / 2]
    assert np.isnan(found.score[:3]).all()
    assert found.reward.tolist() == [0, 0, 1, 1, 0]
    assert found.user.decode().to_list() == ["ann", None, "ann"]
    assert found.user_idx.tolist() == [0, 1, 0]  # who told a history is a user alone
    assert found.arm.decode().to_list() == ["a", "b", "a"]
    assert found.bundle.decode().to_list() == ["aaa", "bbb", "aaa"]
    assert found.policy.decode().to_list() == ["plackett_luce"] * 3
    assert found.seed.tolist() == [0, 7, 7]
    assert found.left_out == LeftOut(repeated=0, interleaved=0, unexplored=0, degraded=0, deterministic=0)


def test_arrays_have_the_types_that_estimators_take(three):
    found = read(three)
    kinds = {name: getattr(found, name).dtype for name in ("indptr", "propensity", "reward", "user_idx", "at")}
    assert kinds == {
        "indptr": np.int64,
        "propensity": np.float64,
        "reward": np.float64,
        "user_idx": np.int32,
        "at": np.int64,
    }
    assert (found.item.codes.dtype, found.position.dtype) == (np.int32, np.int32)


def test_candidates_speak_of_the_same_items(three):
    found = read(three)
    drawn = found.candidates
    assert (drawn.request.tolist(), drawn.indptr.tolist()) == ([1], [0, 3])
    assert found.item.names.gather(pl.Series(drawn.item)).to_list() == ["w", "y", "x"]
    assert drawn.score.tolist() == [3, 2, 1]


def test_some_requests_keep_all_that_is_theirs(three):
    some = read(three).take(np.array([1, 2]))
    assert some.request_id.to_list() == ["r3", "r2"]
    assert (some.indptr.tolist(), some.item.decode().to_list()) == ([0, 2, 2], ["y", "x"])
    assert (some.reward.tolist(), some.position.tolist()) == ([1, 0], [1, 2])
    assert (some.arm.decode().to_list(), some.user.decode().to_list()) == (["b", "a"], [None, "ann"])
    assert len(set(some.user_idx.tolist())) == 2
    drawn = some.candidates
    assert (drawn.request.tolist(), drawn.item.tolist(), drawn.score.tolist()) == (
        [0],
        read(three).candidates.item.tolist(),
        [3, 2, 1],
    )
    assert len(read(three).take(np.array([0, 2])).candidates) == 0


def test_the_order_of_rows_does_not_matter(three):
    mixed = dataclasses.replace(three, answers=three.answers.reverse(), events=three.events.reverse())
    assert same(read(three), read(mixed))


def test_only_answers_between_since_and_until_count():
    found = read(log(many(9), [GOOD, event("r5", "y", 6)]), since=at(2), until=at(6))
    assert found.request_id.to_list() == ["r2", "r3", "r4", "r5"]
    assert (found.reward.sum(), found.events.unnamed) == (1, 1)


def test_what_does_not_explore_is_left_out_and_counted():
    answers = [*many(200), answer("h1", 350, "x", arm="holdout", policy="deterministic", propensity=1.0)]
    answers += [answer("d1", 351, "x", degraded=["ranker"]), answer("f1", 352, "x", policy="deterministic")]
    answers += [answer("r0", -1, "y", "x")]
    found = read(log(answers, [GOOD]), since=at(-5))
    assert found.left_out == LeftOut(repeated=1, interleaved=0, unexplored=1, degraded=1, deterministic=1)
    assert (len(found), found.at[0]) == (200, read(log(many(1), [GOOD])).at[0])


def test_pace_is_how_the_log_was_made():
    pace = read(log(many(11), [GOOD])).pace
    assert pace == Pace(answers=11, span=11 * MINUTE, length=2.0, policy="plackett_luce", rate=0.1)
    other = [answer("q", 20, "x", params='{"temperature":0.2}')]
    assert read(log([*many(11), *other], [GOOD])).pace.rate is None


def test_a_log_that_explores_nothing_is_refused_and_one_that_does_a_little_is_not():
    still = many(30, policy="deterministic", params="{}", propensity=1.0)
    assert names(log(still, [GOOD])) == ["deterministic"]
    assert len(read(log([*still, answer("e", 40, "x", "y", arm="b")], [event("e", "x", 41)]))) == 1


def test_a_window_that_is_open_is_refused_until_it_has_closed():
    made = log(many(3), [GOOD])
    last = read(made).at[-1]
    assert names(made, as_of=last + 60 * MINUTE - 1, window_hours=1) == ["open-window"]
    assert isinstance(Logged.of(made, OffPolicyConfig(window_hours=1), as_of=last + 60 * MINUTE), Logged)
    assert isinstance(Logged.of(made, OffPolicyConfig(window_hours=1)), tuple)  # complete until its last answer


def test_arms_without_the_users_they_were_meant_to_have_are_refused():
    answers = [answer(f"r{n}", n, "x", "y", arm="ab"[n % 4 == 0]) for n in range(100)]
    made = log(answers, [GOOD | {"user_id": "u-r0"}])
    assert names(made, shares={"a": 0.5, "b": 0.5}) == ["sample-ratio"]
    assert len(read(made, shares={"a": 0.75, "b": 0.25})) == 100
    assert len(read(made)) == 100


def test_copies_count_once_and_contradictions_are_refused(tmp_path: Path):
    for table in ("answers", "events"):
        (tmp_path / table).mkdir()
    good = log(many(5), [GOOD])
    for copy in "ab":
        good.answers.collect().write_parquet(tmp_path / "answers" / f"{copy}.parquet")
        good.events.collect().write_parquet(tmp_path / "events" / f"{copy}.parquet")
    assert same(read(PolicyLog.load(tmp_path)), read(good))
    log([answer("r1", 1, "q")]).answers.collect().write_parquet(tmp_path / "answers" / "c.parquet")
    assert names(PolicyLog.load(tmp_path)) == ["duplicate-positions"]


def same(one: Logged, other: Logged) -> bool:
    """Whether two logs are the same arrays."""
    arrays = ("at", "indptr", "propensity", "score", "reward", "seed", "user_idx")
    labels = ("user", "arm", "bundle", "policy", "params", "request", "item")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays)
        and all(getattr(one, name).decode().equals(getattr(other, name).decode()) for name in labels)
        and one.request_id.equals(other.request_id)
    )


ROWS = log(many(6), [GOOD]).answers.collect()
WHOLE = read(log(many(6), [GOOD]))
CELLS = st.tuples(
    st.integers(0, len(ROWS) - 1),
    st.sampled_from(["propensity", "position", "item_id"]),
)
NUMBERS = st.one_of(
    st.none(),
    st.floats(max_value=0),
    st.floats(min_value=1 + 1e-5),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324]),
)
PLACES = st.one_of(st.none(), st.integers(-(2**31), 0), st.integers(3, 2**31 - 1))


@settings(max_examples=60, deadline=None)
@given(cell=CELLS, number=NUMBERS, place=PLACES, other=st.integers(0, len(ROWS) - 1), seed=st.integers(0, 99))
def test_any_mutation_gives_a_refusal_or_the_same_answer(cell, number, place, other, seed):
    row, column = cell
    value = {"propensity": number, "position": place, "item_id": None}[column]
    mutated = ROWS.to_dicts()
    mutated[row][column] = value
    rows = pl.DataFrame(mutated, schema=ANSWERS).sample(fraction=1, shuffle=True, seed=seed)
    good = log(many(6), [GOOD])
    found = Logged.of(dataclasses.replace(good, answers=rows.lazy()), as_of=LATER)
    assert isinstance(found, tuple)
    assert all("nan" not in str(refusal).lower() for refusal in found)
    assert names(dataclasses.replace(good, answers=pl.concat([ROWS, ROWS[other : other + 1]]).lazy())) == [
        "duplicate-positions"
    ]
    first_gone = ROWS.with_row_index("n").filter(pl.col("n") != row // 2 * 2).drop("n")
    assert names(dataclasses.replace(good, answers=first_gone.lazy())) == ["gaps"]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9999))
def test_shuffled_rows_are_the_same_answer(seed):
    good = log(many(6), [GOOD])
    rows = ROWS.sample(fraction=1, shuffle=True, seed=seed)
    assert same(read(dataclasses.replace(good, answers=rows.lazy())), WHOLE)
