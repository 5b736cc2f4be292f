from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.interactions import Histories
from recsys.ranking.feature_list import FEATURE_NAMES, FEATURES, directions, feature_table
from recsys.ranking.pair_features import BELIEVED
from recsys.ranking.pairs import Pairs
from recsys.ranking.state import NEVER, ItemState
from recsys.retrieval.candidates import SOURCES, Candidates
from recsys.retrieval.embeddings import ItemVectors
from tests.ranking.by_hand import Event, by_hand, codes
from tests.ranking.stock import catalog_of, state_of, unit

N_ITEMS, AS_OF = 6, 40
ROLES = st.sampled_from(["purchase", "view", "dislike", "return", "impression"])
EVENT = st.tuples(st.integers(0, N_ITEMS - 1), st.integers(0, AS_OF - 1), ROLES, st.sampled_from([0.1, 0.5, 1.0]))
USER = st.tuples(st.lists(EVENT, max_size=9), st.lists(st.integers(0, N_ITEMS - 1), max_size=8))


def stocked(source: np.random.Generator) -> ItemState:
    """Counters of chance, some of them 0, at instant 30 of days of 10."""
    catalog = catalog_of(["tea", "tea", "pots", None, "pots", ""], brands=["x", None, "x", "y", "x", None])
    counts = {
        name: source.choice([0.0, 1.0, 2.0, 7.0], N_ITEMS)
        for name in ("takes", "takers", "repeaters", "met", "spans", "gaps")
    }
    return replace(
        state_of(catalog),
        as_of=30,
        day=10,
        decayed=source.choice([0, 0.3, 5], (3, N_ITEMS)),
        firsts=source.choice([0, 0.2, 2], (3, N_ITEMS)),
        born=source.choice([NEVER, 0, 7, 50], N_ITEMS),
        last=source.choice([NEVER, 0, 20, 30], N_ITEMS),
        price=source.choice([np.nan, 0, 1.5, 20], N_ITEMS),
        **counts,
    )


def histories(users: list[list[Event]]) -> Histories:
    events = [event for user in users for event in user]
    item, at, _, weight = zip(*events, strict=True) if events else ((), (), (), ())
    return Histories(
        indptr=np.cumsum([0, *map(len, users)]).astype(np.int64),
        item_idx=np.array(item, np.int32),
        event=np.array(codes(events), np.uint8),
        at=np.array(at, np.int64),
        value=np.full(len(events), np.nan),
        weight=np.array(weight, np.float32),
    )


def proposed(source: np.random.Generator, items: list[list[int]]) -> Candidates:
    n = sum(map(len, items))
    best = -np.sort(-source.choice([-np.inf, 0.5, 1, 2, 3], (len(items), len(SOURCES), 4)), axis=2)
    return Candidates(
        indptr=np.cumsum([0, *map(len, items)]).astype(np.int64),
        item_idx=np.array([item for row in items for item in row], np.int32),
        sources=source.integers(0, 1 << len(SOURCES), n).astype(np.uint16),
        scores=source.choice([-1, 0, 0.5, 1, 2.5, 4], (n, len(SOURCES))).astype(np.float32),
        best=best.astype(np.float32),
    )


@settings(deadline=None)
@given(users=st.lists(USER, min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_every_feature_is_what_it_is_by_hand(users: list[tuple[list[Event], list[int]]], seed: int) -> None:
    source = np.random.default_rng(seed)
    positive = ("purchase", "view")
    events = [
        sorted(((i, at, role, w if role in positive else 0.0) for i, at, role, w in own), key=lambda e: e[1])
        for own, _ in users
    ]
    items, candidates = stocked(source), proposed(source, [asked for _, asked in users])
    vectors, interest = unit(source, N_ITEMS), source.random(len(candidates.item_idx), dtype=np.float32)
    table = feature_table(
        Pairs.of(
            histories(events),
            candidates,
            items=items,
            vectors=ItemVectors(vectors=vectors, catalog_digest="c", encoder_digest="e"),
            interest=interest,
            as_of=AS_OF,
        )
    )
    assert table.names == FEATURE_NAMES
    known = {"items": items, "vectors": vectors, "interest": interest, "candidates": candidates, "as_of": AS_OF}
    for pair, user in enumerate(candidates.rows.tolist()):
        expected = by_hand(user, pair, events[user], **known)
        found = dict(zip(table.names, table.values[pair].tolist(), strict=True))
        assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-5, abs=1e-6, nan_ok=True)


def test_only_features_that_can_speak_one_way_have_a_direction() -> None:
    signs = dict(zip(FEATURE_NAMES, directions(FEATURE_NAMES), strict=True))
    held = {name: sign for name, sign in signs.items() if sign}
    expected = {"interest": 1, "item_liked": 1}
    for source in SOURCES:
        if source not in ("disliked", "own", "text_neighbours", "lexical"):
            expected |= {f"score_{source}": 1, f"relative_{source}": 1, f"place_{source}": -1}
    assert held == expected
    assert all(feature.scope != "user" for feature in FEATURES if feature.monotone)
    assert BELIEVED.issubset(SOURCES)


def test_a_task_heads_feature_may_speak_either_way() -> None:
    assert directions(["mood_joy", "interest", "place_als"]) == [0, 1, -1]
