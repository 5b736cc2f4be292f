"""Sums that are exact, and words that are true."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.data.interactions import Histories
from recsys.ranking.explanation import _brought, _did, _Words, grouped, speaking
from recsys.ranking.feature_list import features
from recsys.ranking.reasons import CAME_UP, GROUPS
from recsys.recommender import Recommender
from recsys.retrieval.candidates import SOURCES, Candidates
from recsys.schema import EVENT_CODES

NOTHING = dict.fromkeys(GROUPS, 0.0)


def explained(recommender, history):
    """(list, explanations) of one user."""
    found = recommender.recommend(history, k=20, as_of=recommender.as_of)
    return found, recommender.explain(history, found.item_idx, as_of=recommender.as_of)


@pytest.mark.parametrize("name", ["recommender", "gifted"])
def test_groups_and_base_add_up_to_the_score(name, shop, request):
    recommender = request.getfixturevalue(name)
    about = {feature.name: feature.group for feature in features(recommender.vectors.traits)}
    as_of, used = recommender.as_of, set()
    for user in range(0, 60, 6):
        history = shop.interactions.histories(np.array([user], np.int32), as_of=as_of)
        found, why = explained(recommender, history)
        allowed = recommender.snapshot.allowed(history, as_of=as_of)
        scored = recommender.retriever.score(history, [found.item_idx], as_of=as_of, allowed=allowed)
        table = recommender.features(history, scored, as_of=as_of)
        exact = recommender.ranker.model.booster.predict(table.values)
        for raw, each in zip(exact, why, strict=True):
            assert each.base + sum(each.groups.values()) == pytest.approx(raw, abs=1e-6)
            for group, total in each.groups.items():
                own = [value for feature, value in each.contributions.items() if about[feature] == group]
                assert total == pytest.approx(sum(own), abs=1e-12)
                used |= {group} if total else set()
    assert {"together", "again", "popular"} <= used


def test_only_what_speaks_for_it_is_told_the_strongest_first(recommender, shop):
    for user in range(0, 60, 6):
        _, why = explained(
            recommender, shop.interactions.histories(np.array([user], np.int32), as_of=recommender.as_of)
        )
        for each in why:
            told = [reason.contribution for reason in each.reasons]
            assert told == sorted(told, reverse=True)
            assert [reason.group for reason in each.reasons] == speaking(each.groups)
            assert {g for g, value in each.groups.items() if value > 0} == {reason.group for reason in each.reasons}
            assert [reason.share for reason in each.reasons] == pytest.approx([part / sum(told) for part in told])
            assert [reason.text.count("It came up among") for reason in each.reasons] == [1, *[0] * 8][: len(told)]


def test_sums_by_group():
    each = np.array([[1.0, 2.0, 4.0, 8.0], [-1.0, 0.5, 0.25, 8.0]])
    one, two = grouped(each, ["price", "text", "price"])
    assert one == NOTHING | {"price": 1 + 4, "text": 2}
    assert two == NOTHING | {"price": -1 + 0.25, "text": 0.5}
    assert speaking(two) == ["text"]
    assert speaking(NOTHING | {"price": 1.0, "text": 1.0, "again": 0.5, "kind": -1.0}) == ["text", "price", "again"]


@pytest.fixture
def words():
    """Two candidates: the first was bought and goes with mug and cup; nothing in the history stands for the second."""
    items = pl.DataFrame({"item_id": ["i0", "i1", "i2"], "title": ["Red mug", None, "Plate"]})
    links = {"again": [2, -1], "together": [0, -1], "peers": [0, -1], "text": [1, -1]}
    return _Words(
        items=items,
        did={0: "bought", 1: "viewed", 2: "bought"},
        links={group: np.array(column, np.int32) for group, column in links.items()},
        brought=["popular", None],
    )


@pytest.mark.parametrize(
    ("groups", "item", "text"),
    [
        ({"again": 0.2, "together": 0.1, "text": 0.1}, 2, "Because you bought it before."),
        ({"again": 0.1, "together": 0.2, "text": 0.1}, 0, "Because you bought “Red mug”: the two often go together."),
        ({"peers": 0.2, "text": 0.1}, 0, "Because you bought “Red mug”: others who took it took this too."),
        ({"again": 0.1, "together": 0.1, "text": 0.2}, 1, "Because you viewed “i1”: the two read alike."),
        ({"price": 0.3, "text": 0.2, "together": 0.1}, 1, "Its price speaks for it."),
        ({"price": 0.3, "text": -0.2, "together": 0.1}, 0, "Its price speaks for it."),
    ],
)
def test_the_strongest_group_that_has_one_names_the_item_of_the_history(words, groups, item, text):
    groups = NOTHING | groups
    assert words.because(0, groups) == item
    first, *_ = words.reasons(0, groups)
    assert first.text == f"{text} It came up among what is most taken of late."
    assert words.because(1, groups) is None
    second, *_ = words.reasons(1, groups)
    assert second.text == f"{GROUPS[max(groups, key=groups.get)]} speaks for it."


def test_where_the_history_does_not_speak_for_it_nothing_in_it_is_named(words):
    assert words.because(0, NOTHING | {"price": 0.1, "together": -0.1}) is None
    assert words.because(0, NOTHING) is None
    assert list(words.reasons(0, NOTHING)) == []


def test_a_newcomer_is_not_told_of_what_they_took(recommender):
    _, why = explained(recommender, Histories.empty(1))
    assert len(why) == 20
    for each in why:
        assert each.because is None
        assert each.reasons
        assert not [reason.text for reason in each.reasons if "you took" in reason.text or "Because" in reason.text]
    told = {reason.text.partition(" It came up")[0] for each in why for reason in each.reasons}
    assert "That you have taken nothing yet speaks for it." in told


def test_the_source_that_puts_it_highest_brought_it():
    """Places by hand: the best scores of each source are 9, 7, 5, 3; an item of score 5 stands behind two."""
    n = len(SOURCES)
    scores = np.zeros((4, n), np.float32)
    scores[0, [1, 2, 4]] = [7, 9, 9]  # places 1, 0, 0, but source 2 does not propose it
    scores[1, [1, 4]] = [9, 9]  # both first: the first of the sources
    scores[2, [5, 6]] = [3, 5]
    bits = [1 << 1 | 1 << 4, 1 << 1 | 1 << 4, 1 << 5 | 1 << 6, 0]
    found = Candidates(
        indptr=np.array([0, 4]),
        item_idx=np.arange(4, dtype=np.int32),
        sources=np.array(bits, np.uint16),
        scores=scores,
        best=np.tile(np.array([9, 7, 5, 3], np.float32), (1, n, 1)),
    )
    assert _brought(found) == [SOURCES[4], SOURCES[1], SOURCES[6], None]


def test_the_source_named_is_one_of_those_that_propose_the_item(recommender, shop):
    found, why = explained(recommender, shop.interactions.histories(np.array([5], np.int32), as_of=recommender.as_of))
    for bits, each in zip(found.sources.tolist(), why, strict=True):
        proposing = [CAME_UP[name] for place, name in enumerate(SOURCES) if bits >> place & 1]
        for first in each.reasons[:1]:
            assert first.text.split("It came up among ")[1].rstrip(".") in proposing


def test_the_heaviest_event_is_named_and_of_equal_ones_the_last():
    events = [(0, "purchase", 1.0), (0, "click", 0.3), (1, "click", 0.3), (1, "view", 0.3), (2, "cart", 0.7)]
    taken = Histories(
        indptr=np.array([0, 5]),
        item_idx=np.array([item for item, _, _ in events], np.int32),
        event=np.array([EVENT_CODES[name] for _, name, _ in events], np.uint8),
        at=np.arange(5, dtype=np.int64),
        value=np.full(5, np.nan),
        weight=np.array([weight for _, _, weight in events], np.float32),
    )
    assert _did(taken) == {0: "bought", 1: "viewed", 2: "picked"}


def test_the_same_explanation_alone_and_among_others(recommender, shop):
    history = shop.interactions.histories(np.array([8], np.int32), as_of=recommender.as_of)
    found, why = explained(recommender, history)
    for place in (0, 7, 19):
        assert recommender.explain(history, found.item_idx[[place]], as_of=recommender.as_of) == (why[place],)


def test_after_a_restricted_list_it_is_told_of_the_restricted_list(recommender, shop):
    history, allowed = (
        shop.interactions.histories(np.array([8], np.int32), as_of=recommender.as_of),
        np.arange(48) % 3 > 0,
    )
    found = recommender.recommend(history, k=9, as_of=recommender.as_of, allowed=allowed, exclude_seen=True)
    told = {"as_of": recommender.as_of, "allowed": allowed, "exclude_seen": True}
    for score, each in zip(found.score, recommender.explain(history, found.item_idx, **told), strict=True):
        assert each.base + sum(each.groups.values()) == pytest.approx(score, abs=1e-6)


def test_no_items_are_explained_by_nothing(recommender):
    bare = Recommender(snapshot=replace(recommender.snapshot), ranker=recommender.ranker)
    assert bare.explain(Histories.empty(1), np.zeros(0, np.int32), as_of=bare.as_of) == ()
