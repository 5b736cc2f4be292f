"""Which answers are evaluated; each of the others is counted once."""

from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.log.left_out import Choice, LeftOut, users_of
from tests.evaluation.off_policy.small_log import answer, log

STILL = {"policy": "deterministic", "params": "{}"}


def read(*answers: list[dict]) -> Answers:
    return Answers.read(log(answers), since=None, until=None)


def test_each_answer_is_kept_or_counted_once():
    answers = read(
        answer("r0", 0, "x", **STILL, degraded=["ranker"]),
        answer("r0", 1, "x"),
        answer("r1", 2, "x", **STILL, degraded=["ranker"]),
        answer("r2", 3, "x", **STILL),
        answer("r3", 4, arm="b", **STILL),
        answer("r4", 5, "x", arm="b", degraded=["ranker"], **STILL),
        answer("r5", 6, arm="a"),
        answer("r6", 7, "x", arm=None),
    )
    found = Choice.of(answers)
    assert found.keep.tolist() == [False, True, False, False, False, False, True, True]
    assert found.exploring.tolist() == [False, True, True, True, False, False, True, True]
    assert found.left_out == LeftOut(repeated=1, interleaved=0, unexplored=2, degraded=1, deterministic=1)
    assert found.left_out.total + found.keep.sum() == len(answers)


MIXED = {"policy": "team_draft", "params": '{"first":"aaa","second":"bbb"}'}


def test_interleaved_lists_are_left_out_and_counted_and_make_no_arm_draw():
    answers = read(
        answer("r0", 0, "x", arm="both", **MIXED),
        answer("r1", 1, "x", arm="both", **MIXED, degraded=["ranker"]),
        answer("r2", 2, "x", arm="both", **STILL, degraded=["arms"]),
        answer("r3", 3, "x", arm="both", **MIXED | {"policy": "probabilistic"}),
        answer("r3", 4, "x", arm="both", **MIXED),
        answer("r4", 5, "x", arm="drawn"),
        answer("r5", 6, "x", arm="drawn", **MIXED),
        answer("r6", 7, "x", arm="drawn", policy=None),
    )
    found = Choice.of(answers)
    assert found.keep.tolist() == [False] * 5 + [True, False, True]
    assert found.exploring.tolist() == found.keep.tolist()
    assert found.left_out == LeftOut(repeated=1, interleaved=4, unexplored=1, degraded=0, deterministic=0)
    theirs = Choice.of_interleaved(answers)
    assert theirs.keep.tolist() == [True, False, False, False, True, False, True, False]
    assert theirs.left_out == LeftOut(repeated=1, interleaved=0, unexplored=0, degraded=1, deterministic=0)


def test_users_are_counted_in_every_arm():
    answers = read(
        answer("r0", 0, "x", user_id="ann"),
        answer("r1", 1, "x", user_id="ann"),
        answer("r2", 2, "x", user_id=None),
        answer("r3", 3, "x", user_id=None),
        answer("r4", 4, "x", user_id="bob", arm="b", **STILL),
    )
    assert users_of(answers) == {"a": 3, "b": 1}
