"""A crowd at the tests' shop: users who ask over HTTP, look at their lists and click, as a known model says.

P(click) = LOOKED at the place · attraction of the item for the user, whatever else is in the list; so what a list is
worth is a sum, and what a policy is worth the mean of it over lists of the policy.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import polars as pl

from recsys.bundle import CURRENT, Bundle
from recsys.data.interactions import Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.ranking.config import RulesConfig
from recsys.recommender import Recommender
from tests.conftest import Shop

LOOKED = np.array([1.0, 0.7, 0.5, 0.4, 0.3])
LEAST, OWN_TASTE, RED = 0.05, 0.15, 0.5
BATCH = 500
"""Events posted at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request.

    Attributes:
        user: whose kind it is: the number of a user of the shop.
        copy: which of that kind.
        k: how many items are asked for.
    """

    user: int
    copy: int
    k: int

    @property
    def user_id(self) -> str:
        return f"u{self.user:05d}-{self.copy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A visit and the answer to it.

    Attributes:
        visit: the request.
        answer: as it came.
        items: int (≤ k,), item_idx.
    """

    visit: Visit
    answer: dict
    items: np.ndarray


def visits(copies: int) -> list[Visit]:
    """Two of each of so many copies of the shop's 60 users."""
    return [
        Visit(user=user, copy=copy, k=3 + (user + copy + time) % 3)
        for time in range(2)
        for copy in range(copies)
        for user in range(60)
    ]


def attraction(shop: Shop) -> np.ndarray:
    """float64 (users, items)."""
    red = shop.catalog.items["tags"].list.contains("red").fill_null(False).to_numpy()
    own = shop.world.taste_of_user[:, None] == shop.world.taste_of_item
    return LEAST + OWN_TASTE * own + RED * red


def worth(seen: Sequence[Seen], attract: np.ndarray) -> np.ndarray:
    """float64 (n,): expected clicks of each list."""
    return np.array([_chance(each, attract).sum() for each in seen])


def bundles(shop: Shop, recommender: Recommender, encoder: Path, root: Path, *, copies: int) -> dict[str, str]:
    """Two that know the crowd: `plain`, and `red`, whose rule favours red items; name → digest."""
    crowd = _crowd(shop, copies)
    digests = {}
    for name, boosts in (("red", [{"by": "tag", "value": "red", "add": 0.4}]), ("plain", [])):
        rules = RulesConfig.model_validate({"boosts": boosts})
        assembled = Recommender.assemble(
            catalog=shop.catalog,
            vectors=recommender.vectors,
            interest=recommender.retriever.interest,
            interactions=crowd,
            as_of=crowd.end,
            ranker=recommender.ranker,
            config=recommender.snapshot.config.model_copy(update={"rules": rules}),
        )
        Bundle.write(
            root,
            recommender=assembled,
            interactions=crowd,
            encoder=encoder,
            config={"data": {"text_chars": 600}},
            parents={"catalog": shop.catalog.digest},
        )
        digests[name] = (root / CURRENT).resolve().name
    return digests


def _crowd(shop: Shop, copies: int) -> Interactions:
    """Every user of the shop so many times."""
    events, users = shop.interactions.events, shop.interactions.users
    ids = pl.Series([f"{user}-{copy}" for copy in range(copies) for user in users.ids])
    vocabulary = Vocabulary.of(ids)
    index = pl.Series(vocabulary.encode(ids))
    many = [
        events.with_columns(user_idx=index.gather(events["user_idx"].cast(pl.Int64) + copy * len(users)))
        for copy in range(copies)
    ]
    return Interactions(
        events=pl.concat(many).sort("at", "user_idx", "item_idx", "event", "value"),
        users=vocabulary,
        n_items=len(shop.catalog),
    )


@contextlib.contextmanager
def served(root: Path, folder: Path) -> Iterator[httpx.Client]:
    """`recsys serve` in a process of its own, all candidates logged to folder/log; ends when told, as it is to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    where = ["--bundles", str(root), "--log", str(folder / "log"), "--state", str(folder / "state"), "--port", port]
    how = ["--clock", "log", "--set", "log.candidates=1", "--set", "limits.samples_per_minute=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "serve", *where, *how], env=os.environ, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait(client, process)
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def wait(client: httpx.Client, process: subprocess.Popen) -> None:
    """Until the service of a process is ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("The service does not start.")


def ask(client: httpx.Client, asked: Sequence[Visit], shop: Shop, experiment: dict) -> list[Seen]:
    """Every visit, one after the other, while an experiment runs; requests have its name and a number."""
    assert client.put("/v1/experiment", json=experiment).status_code == 200
    seen = []
    for number, visit in enumerate(asked):
        named = {"request_id": f"{experiment['name']}-{number}", "user_id": visit.user_id}
        got = client.post("/v1/recommend", json=named | {"k": visit.k, "exclude_seen": False})
        answer = got.json()
        assert (got.status_code, answer["degraded"], len(answer["items"])) == (200, [], visit.k)
        items = shop.catalog.vocabulary.encode([item["item_id"] for item in answer["items"]])
        seen.append(Seen(visit=visit, answer=answer, items=items))
    return seen


def click(client: httpx.Client, seen: Sequence[Seen], attract: np.ndarray, *, seed: int) -> int:
    """Draw clicks and post them, dated a millisecond a place after the answer; how many there were."""
    rng = np.random.default_rng(seed)
    drawn = [np.flatnonzero(rng.random(each.visit.k) < _chance(each, attract)).tolist() for each in seen]
    events = [_clicked(each, place) for each, places in zip(seen, drawn, strict=True) for place in places]
    for start in range(0, len(events), BATCH):
        batch = events[start : start + BATCH]
        assert client.post("/v1/events", json={"events": batch}).json()["accepted"] == len(batch)
    return len(events)


def _chance(seen: Seen, attract: np.ndarray) -> np.ndarray:
    return LOOKED[: len(seen.items)] * attract[seen.visit.user, seen.items]


def _clicked(seen: Seen, place: int) -> dict:
    answer = seen.answer
    return {
        "event_id": f"{answer['request_id']}-{place}",
        "user_id": seen.visit.user_id,
        "item_id": answer["items"][place]["item_id"],
        "event": "click",
        "timestamp": (datetime.fromisoformat(answer["as_of"]) + timedelta(milliseconds=place + 1)).isoformat(),
        "request_id": answer["request_id"],
    }
