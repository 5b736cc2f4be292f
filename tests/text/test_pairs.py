"""Training examples."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import TrainingError
from recsys.schema import DAY
from recsys.text.config import FinetuneConfig, ObjectiveConfig
from recsys.text.corpus import Corpus
from recsys.text.impressions import Impressions
from recsys.text.pairs import Pairs

# user 3: a b | c | a d d (one instant) ; user 7: e | f ; user 8: g alone
EVENTS = [
    (3, 0, 1, 1.0), (3, 1, 1, 1.0), (3, 2, 2, 0.5), (3, 0, 4, 1.0), (3, 3, 4, 0.3), (3, 3, 4, 0.3),
    (7, 4, 1, 1.0), (7, 5, 9, 1.0), (8, 6, 1, 1.0),
]  # fmt: skip
LENGTHS = np.array([3, 3, 3, 3, 5, 5, 7], np.int64)


def small(events=EVENTS):
    user, text, days, weight = (np.array(c) for c in zip(*events, strict=True))
    return Corpus(
        texts=tuple("abcdefg"),
        user=user.astype(np.int32),
        text=text.astype(np.int32),
        at=days.astype(np.int64) * DAY,
        weight=weight.astype(np.float32),
        day=DAY,
        valid_start=10 * DAY,
        end=10 * DAY,
        judges=np.zeros(9, np.bool_),
    )


def pairs(**changes):
    return Pairs.of(small(), LENGTHS, FinetuneConfig.model_validate(changes))


def read(batch):
    """Each example as (history texts, hours, target texts)."""
    rows = zip(batch.history, batch.hours, batch.weight, batch.targets, batch.target_weight, strict=True)
    return [
        (batch.texts[h[w > 0]].tolist(), hours[w > 0].tolist(), set(batch.texts[t[tw > 0]].tolist()))
        for h, hours, w, t, tw in rows
    ]


def test_histories_end_strictly_before_the_targets():
    seen = {}
    for step in range(40):
        for history, hours, targets in read(pairs().draw(step)):
            seen[tuple(history)] = (hours, targets)
    assert seen == {
        (0, 1): ([24.0, 24.0], {2, 3}),
        (0, 1, 2): ([72.0, 72.0, 48.0], {3}),
        (4,): ([192.0], {5}),
    }


def test_limits_of_history_and_targets():
    examples = [e for step in range(30) for e in read(pairs(history_items=1, targets_per_user=1).draw(step))]
    assert {tuple(e[0]) for e in examples} == {(1,), (2,), (4,)}
    assert {len(e[2]) for e in examples} == {1}
    assert {t for e in examples if e[0] == [1] for t in e[2]} == {2, 3}


def test_weights_of_targets_are_shared_among_them():
    batch = next(b for b in (pairs().draw(s) for s in range(40)) if (b.target_weight > 0).sum(axis=1).max() == 2)
    row = np.argmax((batch.target_weight > 0).sum(axis=1))
    assert sorted(batch.target_weight[row][batch.target_weight[row] > 0]) == pytest.approx([0.3 / 2, 0.5 / 2])


def test_own_covers_everything_the_user_takes():
    batch = pairs().draw(0)
    for own, (history, _, targets) in zip(batch.own, read(batch), strict=True):
        expected = {0, 1, 2, 3} if 0 in history else {4, 5}
        assert set(batch.texts[own].tolist()) == expected & set(batch.texts.tolist())
        assert targets <= expected


def test_a_step_is_a_pure_function_of_seed_and_step(corpus):
    lengths = np.full(len(corpus.texts), 6)
    draws = [Pairs.of(corpus, lengths, FinetuneConfig(users_per_step=16)).draw(5) for _ in range(2)]
    for name in draws[0].__slots__:
        assert np.array_equal(getattr(draws[0], name), getattr(draws[1], name))
    some = Pairs.of(corpus, lengths, FinetuneConfig(users_per_step=16))
    assert len({some.draw(step).hours.tobytes() for step in range(4)}) == 4


def test_tokens_bound_a_step_and_one_example_always_fits(corpus):
    lengths = np.full(len(corpus.texts), 6)
    for budget in (1, 60, 150):
        made = Pairs.of(corpus, lengths, FinetuneConfig(tokens_per_step=budget))
        batch = made.draw(0)
        assert len(batch.history) == 1 or lengths[batch.texts].sum() <= budget
    assert len(batch.history) > 1


def test_negatives_are_drawn_beside_the_users_texts():
    assert pairs(negatives=7).draw(0).texts.tolist() == list(range(7))
    assert 6 not in pairs().draw(0).texts


def test_inclusion_is_counted():
    log_q = pairs().log_inclusion()
    assert np.exp(log_q[[4, 5]]) == pytest.approx([1.0, 1.0])
    assert np.exp(log_q[6]) == pytest.approx(0.5 / 64.5)
    assert log_q.dtype == np.float32


def test_nobody_takes_anything_new():
    with pytest.raises(TrainingError, match="found none among 2 users"):
        Pairs.of(small([(0, 1, 1, 1.0), (0, 1, 2, 1.0), (1, 2, 1, 1.0)]), LENGTHS, FinetuneConfig())


# shown to user 3: g and c on day 2, b on day 1 (taken), e on day 4 and f just before; nothing to user 7
SHOWN = [(3, 1, 1.0), (3, 2, 2.0), (3, 6, 2.0), (3, 5, 3.9), (3, 4, 4.0), (8, 0, 1.0)]


def with_impressions(shown=SHOWN):
    user, text, days = (np.array(c) for c in zip(*shown, strict=True))
    own = Impressions(user=user.astype(np.int32), text=text.astype(np.int32), at=(days * DAY).astype(np.int64))
    return replace(small(), impressions=own)


def asks(**changes):
    return FinetuneConfig(objective=ObjectiveConfig(impressions=1.0), **changes)


def shown_by_history(made):
    seen = {}
    for step in range(40):
        batch = made.draw(step)
        for (history, _, _), columns, present in zip(read(batch), batch.shown, batch.present, strict=True):
            seen[tuple(history)] = batch.texts[columns[present]].tolist()
    return seen


def test_what_a_user_was_shown_and_left_comes_with_the_moment():
    seen = shown_by_history(Pairs.of(with_impressions(), LENGTHS, asks()))
    assert seen == {(0, 1): [6], (0, 1, 2): [5, 4], (4,): []}


def test_the_latest_impressions_are_kept():
    seen = shown_by_history(Pairs.of(with_impressions(), LENGTHS, asks(shown_per_user=1)))
    assert seen == {(0, 1): [6], (0, 1, 2): [4], (4,): []}


def test_impressions_cost_nothing_where_they_are_not_asked_for():
    made = Pairs.of(with_impressions(), LENGTHS, FinetuneConfig())
    assert len(made.impressions) == 0
    assert all(6 not in made.draw(step).texts for step in range(20))


def test_impressions_are_asked_for_and_there_are_none():
    for corpus, count in ((small(), 0), (with_impressions([(3, 1, 1.0)]), 1)):
        with pytest.raises(TrainingError, match=f"found none among {count} impressions; log what is shown, or set"):
            Pairs.of(corpus, LENGTHS, asks())


def test_hard_negatives_join_the_step_and_its_inclusion():
    made = pairs(hard_negatives=1)
    mined = np.array([[6, -1], [-1, -1], [-1, -1]], np.int32)
    batch = next(b for b in (made.draw(step, mined) for step in range(20)) if 0 in b.texts[b.history])
    assert 6 in batch.texts
    column = batch.texts.tolist().index(6)
    assert not batch.own[:, column].any()
    assert made.log_inclusion(mined)[6] > made.log_inclusion()[6] + 3


def test_the_share_replayed_has_old_moments_and_the_rest_new_ones(corpus):
    lengths = np.full(len(corpus.texts), 6)
    made = Pairs.of(corpus, lengths, FinetuneConfig(users_per_step=20))
    start = int(np.quantile(corpus.at[made.before], 0.8, method="nearest"))
    row = np.repeat(np.arange(len(made.users)), np.diff(made.moment_rows))
    new = np.arange(len(row)) >= made.since(start, replay=0.5).fresh[row]
    assert new.tolist() == (corpus.at[made.before] >= start).tolist()
    for replay, expected in ((0.0, 0), (0.25, 5), (1.0, 20)):
        chosen = made.since(start, replay=replay)
        for step in range(5):
            _, moment = chosen._moments(np.random.default_rng(step))
            old = corpus.at[made.before[moment]] < start
            assert old.sum() == expected
            assert (~old).sum() == min(20 - expected, (made.fresh < made.moment_rows[1:]).sum())
    assert made.since(0, replay=0.0).draw(3).texts.tolist() == made.draw(3).texts.tolist()


def test_nothing_new_since_the_last_teacher():
    with pytest.raises(TrainingError, match="since the last teacher's encoder_end, found none; bring a log with newer"):
        pairs().since(10 * DAY, replay=0.5)
