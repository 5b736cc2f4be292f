"""What is asked: many different requests, made beforehand."""

import json

import numpy as np

from tests.bench.load.client import message

DISTINCT = 2000
CANDIDATES = 200

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


def events(bundle, *, distinct: int = 500, seed: int = 2) -> list[bytes]:
    """Posts that have been made before from the second round on, so that the state grows no further."""
    rng, ids = np.random.default_rng(seed), bundle.catalog.vocabulary.ids
    at = str(np.datetime64(bundle.end, "us")) + "Z"
    rows = [
        {"event_id": f"soak-{n}", "user_id": user, "item_id": ids[rng.integers(len(ids))], "event": "click"}
        for n, user in enumerate(_users(bundle, rng)[:distinct])
    ]
    return [_post("/v1/events", {"events": [row | {"timestamp": at}]}) for row in rows]


def _users(bundle, rng: np.random.Generator) -> list[str]:
    return [bundle.users.ids[user] for user in rng.choice(len(bundle.users), DISTINCT)]


def _post(path: str, body: dict) -> bytes:
    return message(path, json.dumps(body).encode())
