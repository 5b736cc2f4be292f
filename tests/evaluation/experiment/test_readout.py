"""From a log to everything that is said of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.readout import READOUT, Readout
from recsys.evaluation.simulation.policies import Valued
from recsys.evaluation.simulation.value import true_value
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import PlackettLuce
from tests.evaluation.experiment.small_experiment import HOUR, LATER, START, Made, click, drawn, played
from tests.evaluation.off_policy.small_log import answer, event, log

DAY = 24 * HOUR


def read(made: Made, *, as_of: int | None = LATER, control: str | None = None, **config: object):
    return Readout.of(made.log(), OffPolicyConfig(**config), as_of=as_of, control=control)


@pytest.fixture(scope="module")
def three() -> Made:
    return drawn(np.random.default_rng(0), 900, arms=("holdout", "b", "c"), lift=0.1)


def test_a_log_is_read_as_its_arrays_say(three):
    got = read(three)
    assert [arm.name for arm in got.arms] == ["holdout", "b", "c"]
    assert (got.control.arm, got.control.why) == ("holdout", "no experiment touches it")
    for arm in got.arms:
        mine = three.arm == arm.name
        reward = np.bincount(three.user[mine], three.clicks[mine], minlength=900)
        users = np.unique(three.user[mine])
        assert (arm.users, arm.answers, arm.open, arm.waiting) == (len(users), mine.sum(), 0, 0)
        assert (arm.empty, arm.degraded, arm.impressions) == (0, 0, None)
        assert arm.by_user.mean == pytest.approx(reward[users].mean())
        assert arm.by_user.high - arm.by_user.mean == pytest.approx(
            stats.t.ppf(0.975, len(users) - 1) * stats.sem(reward[users])
        )
        assert arm.by_request.mean == pytest.approx(three.clicks[mine].mean())
        assert arm.by_request.n == len(users)
    assert [each.arm for each in got.contrasts] == [each.arm for each in got.paths] == ["b", "c"]
    assert [each.arm for each in got.guardrails] == ["b"] * 3 + ["c"] * 3
    assert got.contrasts[0].gap.absolute.mean == pytest.approx(got.arms[1].by_user.mean - got.arms[0].by_user.mean)
    assert (got.first, got.as_of, got.refused) == (START + three.at.min(), LATER, ())


def test_the_order_of_rows_is_nothing(three):
    got = read(three)
    mixed = three.log()
    shuffled = replace(
        mixed,
        answers=mixed.answers.collect().sample(fraction=1.0, shuffle=True, seed=1).lazy(),
        events=mixed.events.collect().sample(fraction=1.0, shuffle=True, seed=2).lazy(),
    )
    assert Readout.of(shuffled, OffPolicyConfig(), as_of=LATER).to_json() == got.to_json()


def test_a_control_can_be_asked_for(three):
    assert [arm.name for arm in read(three, control="c").arms] == ["c", "b", "holdout"]
    (found,) = read(three, control="d")
    assert found.name == "unknown-control"


def test_open_windows_are_left_out_and_counted(three):
    as_of = START + 10 * DAY
    got = read(three, as_of=as_of)
    ran = three.at[(three.arm != "holdout") & (three.at < 10 * DAY)]
    known = (three.at >= ran.min()) & (three.at <= ran.max())
    closed = known & (three.at <= 9 * DAY)
    for arm in got.arms:
        mine = three.arm == arm.name
        assert arm.answers == (mine & known).sum()
        assert arm.open == (mine & known & ~closed).sum()
        assert arm.waiting == len(set(three.user[mine & known]) - set(three.user[mine & closed]))
        assert arm.by_request.mean == pytest.approx(three.clicks[mine & closed].mean())
    first = np.full(900, LATER)
    np.minimum.at(first, three.user[known], three.at[known])
    both = np.unique(three.user[np.isin(three.arm, ["holdout", "b"])])
    assert got.paths[0].users == (first[both] <= 9 * DAY).sum()


def test_it_comes_as_json_and_is_the_same_each_time(three, tmp_path):
    got = read(three, shares={"holdout": 0.33, "b": 0.33, "c": 0.34})
    got.save(tmp_path)
    text = (tmp_path / READOUT).read_text()
    assert text == got.to_json() == read(three, shares={"holdout": 0.33, "b": 0.33, "c": 0.34}).to_json()
    body = json.loads(text)
    assert body["control"]["arm"] == "holdout"
    assert body["contrasts"][0]["gap"]["verdict"]["direction"] == got.contrasts[0].gap.verdict.direction
    assert len(body["paths"][0]["looks"]) == 20
    assert "NaN" not in text


def test_arms_that_chance_did_not_draw_are_counted_and_not_compared(three):
    got = read(three, shares={"holdout": 0.1, "b": 0.45, "c": 0.45})
    assert [each.name for each in got.refused] == ["sample-ratio"]
    assert (got.contrasts, got.guardrails, got.paths) == ((), (), ())
    assert len(got.arms) == 3
    json.loads(got.to_json())


def test_users_in_several_arms_are_counted_and_left_out(three):
    arm = three.arm.copy()
    last = {user: row for row, user in enumerate(three.user)}
    for user in range(9):
        rows = np.flatnonzero(three.user == user)
        if len(rows) > 1:
            arm[last[user]] = "c" if arm[rows[0]] == "b" else "b"
    some = replace(three, arm=arm)
    got = read(some)
    crossed = got.assignment.crossed
    assert 5 < crossed <= 9
    assert got.refused == ()
    assert sum(each.users for each in got.arms) == 900 - crossed
    assert got.not_compared.crossed == np.isin(three.user, [u for u in range(9) if (three.user == u).sum() > 1]).sum()
    for user in range(9, 14):
        arm[last[user]] = "c" if arm[last[user]] == "b" else "b"
    (found,) = read(replace(three, arm=arm)).refused
    assert found.name == "crossed-arms"
    assert read(replace(three, arm=arm)).contrasts == ()


def test_an_arm_of_few_users_is_not_compared():
    made = drawn(np.random.default_rng(0), 300, arms=("a", "b", "c"))
    users = np.unique(made.user[made.arm == "c"])
    for kept, refused in ((50, []), (49, ["few-users"])):
        some = ~np.isin(made.user, users[kept:])
        got = read(Made(user=made.user[some], arm=made.arm[some], at=made.at[some], clicks=made.clicks[some]))
        assert [each.name for each in got.refused] == refused
        assert "c" in [arm.name for arm in got.arms]
        assert ("c" in [each.arm for each in got.contrasts]) == (not refused)
    assert got.refused[0].because.startswith("Arm 'c' has 49 users with a closed window, fewer than 50")
    assert len(got.contrasts) == 1
    alone = read(
        Made(user=made.user[some], arm=made.arm[some], at=made.at[some], clicks=made.clicks[some]), control="c"
    )
    assert alone.contrasts == ()


def test_what_says_nothing_is_refused():
    made = drawn(np.random.default_rng(0), 100)
    assert [each.name for each in read(replace(made, arm=np.full(len(made.user), "a")))] == ["one-arm"]
    assert [each.name for each in read(replace(made, clicks=np.zeros(len(made.user))))] == ["no-rewards"]
    assert [each.name for each in read(made, as_of=START + 23 * HOUR)] == ["open-window"]
    assert [each.name for each in read(made, as_of=START)] == ["empty-log"]
    one = replace(made, clicks=(np.arange(len(made.user)) == 0).astype(float))
    assert isinstance(read(one), Readout)


def test_users_who_told_only_a_history_are_counted():
    answers = [answer(f"r{n}", n, "x", arm="ab"[n % 2]) for n in range(200)]
    told = [answer(f"h{n}", n, "x", arm="a", user_id=None) for n in range(7)]
    got = Readout.of(log([*answers, *told], [event("r0", "x", 1)]), OffPolicyConfig(), as_of=LATER)
    assert got.not_compared.without_user == 7
    assert [arm.answers for arm in got.arms] == [100, 100]


def test_impressions_and_degraded_answers_are_told(three):
    shown = [click(f"u{three.user[row]}", int(three.at[row]) + 5, name=f"r{row}", event="impression") for row in (3, 4)]
    bad = three.arm == "b"
    got = read(replace(three, degraded=bad, events=shown))
    arms = {arm.name: arm for arm in got.arms}
    assert sum(arm.impressions for arm in got.arms) == 2
    assert arms[three.arm[3]].impressions >= 1
    assert (arms["b"].degraded, arms["c"].degraded) == (1, 0)
    broken = [(each.arm, each.what) for each in got.guardrails if each.judgement == "broken"]
    assert broken == [("b", "answers degraded")]


def test_a_past_is_used_where_there_is_one(three):
    assert read(three).contrasts[0].adjusted is None
    before = [click(f"u{user}", -DAY) for user in range(0, 900, 3)]
    got = read(replace(three, events=before)).contrasts[0]
    mine = np.unique(three.user[np.isin(three.arm, ["holdout", "b", "c"])])
    assert got.adjusted.covered == (mine % 3 == 0).sum()


def test_margin_and_end_are_the_configs(three):
    config = OffPolicyConfig(margin=0.5, as_of="2026-01-11")
    got = Readout.of(three.log(), config)
    assert got.margin == 0.5
    assert got.as_of == START + 10 * DAY
    assert {each.limit for each in got.guardrails} == {0.5, -0.5}
    assert read(three).margin == 0.02


@pytest.fixture(scope="module")
def policies() -> tuple[World, Valued, Valued]:
    world = World.random(n_users=500, n_items=6, positions=2, seed=3)
    good, other = (Valued(policy=PlackettLuce(temperature=0.5), value=each, positions=2) for each in _values(world))
    return world, good, other


def _values(world: World):
    return 4 * world.attract, np.zeros(world.attract.shape)


def test_two_policies_differ_by_what_they_truly_earn(policies):
    """Lists and clicks of the simulator, ten answers a user: the truth of a list is known by enumeration."""
    world, good, other = policies
    better, worse = (true_value(world, each).value for each in (good, other))
    got = read(played(world, {"old": other, "new": good}, users=400, seed=1), control="old")
    (found,) = got.contrasts
    assert found.by_request.low < better / worse - 1 < found.by_request.high
    assert got.arms[0].by_request.low < worse < got.arms[0].by_request.high
    assert found.gap.verdict.direction == "better"
    assert got.paths[0].decided is not None


def test_equal_arms_of_a_log_are_told_apart_in_one_of_twenty():
    found = aa(60, 150)
    for wrong in found:
        assert stats.binomtest(wrong, 60, 0.05, alternative="greater").pvalue > 1e-3


def aa(runs: int, users: int) -> tuple[int, int, int]:
    """How often equal arms come out apart: by one look at the end, with the past, and at any look."""
    wrong = np.zeros(3, int)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        made = drawn(rng, 2 * users)
        liked = np.bincount(made.user, made.clicks, minlength=2 * users) / np.bincount(made.user, minlength=2 * users)
        past = [click(f"u{user}", -DAY - n) for user in range(2 * users) for n in range(rng.binomial(3, liked[user]))]
        (found,), (path,) = (got := read(replace(made, events=past))).contrasts, got.paths
        gaps = found.gap, found.adjusted.gap
        wrong += [*(gap.verdict.direction != "unclear" for gap in gaps), path.decided is not None]
    return int(wrong[0]), int(wrong[1]), int(wrong[2])


@pytest.mark.prove
def test_equal_arms_of_2000_logs_are_told_apart_in_one_of_twenty():
    once, with_past, ever = aa(2000, 150)
    low, high = stats.binom.interval(0.999, 2000, 0.05)
    assert low <= once <= high
    assert low <= with_past <= high
    assert ever <= high, f"{once} {with_past} {ever}"


@pytest.mark.prove
def test_the_difference_of_two_policies_is_covered_in_2000_logs(policies):
    world, good, other = policies
    truth = true_value(world, good).value / true_value(world, other).value - 1
    held = sum(
        found.low < truth < found.high
        for found in (
            read(played(world, {"old": other, "new": good}, users=150, seed=seed), control="old")
            .contrasts[0]
            .by_request
            for seed in range(2000)
        )
    )
    low, high = stats.binom.interval(0.999, 2000, 0.95)
    assert low <= held <= high
