"""What is asked: many different requests, made beforehand."""

import json
from urllib.parse import quote

import numpy as np

from tests.bench.load.client import message

DISTINCT = 2000
CANDIDATES = 200

EVENT_EACH, CHANGE_EACH, CHANGED = 15, 60, 50

EMPTY = [message("/health/live", None)]


def rank(bundle, *, seed: int = 0) -> list[bytes]:
    """/v1/rank of CANDIDATES items drawn anew for each of DISTINCT requests, by known users."""
    rng, ids = np.random.default_rng(seed), np.array(bundle.catalog.vocabulary.ids)
    size = min(CANDIDATES, len(ids))
    draws = (ids[rng.choice(len(ids), size, replace=False)].tolist() for _ in range(DISTINCT))
    pairs = zip(_users(bundle, rng), draws, strict=True)
    return [_post("/v1/rank", {"user_id": user, "item_ids": items}) for user, items in pairs]


def recommend(bundle, *, seed: int = 1) -> list[bytes]:
    """/v1/recommend of 20, by known users."""
    return [_post("/v1/recommend", {"user_id": u, "k": 20}) for u in _users(bundle, np.random.default_rng(seed))]


def mixed(bundle, n: int, *, minute: int) -> list[bytes]:
    """n requests of one minute of a shop, the last of which erases a user.

    Ranks and lists in turn, one in EVENT_EACH an event, one in CHANGE_EACH an item that is put or taken away. Events
    are new each minute; CHANGED items come and go over and over, each time with another text.
    """
    rng = np.random.default_rng(minute)
    mixed = [
        message
        for pair in zip(rank(bundle, seed=minute), recommend(bundle, seed=minute), strict=True)
        for message in pair
    ]
    mixed = (mixed * (n // len(mixed) + 1))[:n]
    mixed[::EVENT_EACH] = _events(bundle, len(mixed[::EVENT_EACH]), minute, rng)
    mixed[1::CHANGE_EACH] = _changes(bundle, len(mixed[1::CHANGE_EACH]), minute)
    mixed[-1] = message(f"/v1/users/{quote(bundle.users.ids[minute % len(bundle.users)])}", None, method="DELETE")
    return mixed


def _events(bundle, n: int, minute: int, rng: np.random.Generator) -> list[bytes]:
    at = str(np.datetime64(bundle.end + minute * 1_000_000, "us")) + "Z"  # the service's clock is beyond that by then
    ids, users = bundle.catalog.vocabulary.ids, _users(bundle, rng)
    rows = [
        {"event_id": f"soak-{minute}-{i}", "user_id": users[i % len(users)], "item_id": ids[rng.integers(len(ids))]}
        for i in range(n)
    ]
    return [_post("/v1/events", {"events": [row | {"event": "click", "timestamp": at}]}) for row in rows]


def _changes(bundle, n: int, minute: int) -> list[bytes]:
    changes, titles = [], bundle.catalog.items["title"]
    for i in range(minute * n, (minute + 1) * n):
        path, comes = f"/v1/items/soak-{i % CHANGED}", i // CHANGED % 2 == 0
        body = json.dumps({"title": f"{titles[i % len(titles)]} {i}", "price": 1.0}).encode() if comes else None
        changes.append(message(path, body, method="PUT" if comes else "DELETE"))
    return changes


def _users(bundle, rng: np.random.Generator) -> list[str]:
    return [bundle.users.ids[user] for user in rng.choice(len(bundle.users), DISTINCT)]


def _post(path: str, body: dict) -> bytes:
    return message(path, json.dumps(body).encode())
