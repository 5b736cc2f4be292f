"""What an event costs, and a draft of an item: python -m tests.bench.posting --bundles RUN/bundles [--events N].

The app answers in this process, its state one SQLite file. CPU milliseconds an event, of bodies of 20 and of one;
median and worst wall milliseconds of `POST /v1/draft`.
"""

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT, Bundle
from recsys.schema import SECOND
from serving.app import create_app
from serving.sqlite import SqliteStore

TOGETHER = 20
_JSON = {"content-type": "application/json"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundles", type=Path, required=True, help="a folder with `current` in it")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--drafts", type=int, default=30)
    asked = parser.parse_args()
    print(json.dumps(figures(asked.bundles, n_events=asked.events, n_drafts=asked.drafts)))


def figures(bundles: Path, *, n_events: int, n_drafts: int) -> dict[str, float]:
    """The figures by name; a tenth of the events goes one by one."""
    bundle = Bundle.load(bundles / CURRENT)
    users, items = bundle.users.ids, bundle.recommender.catalog.vocabulary.ids
    now = datetime.fromtimestamp(bundle.end / SECOND + 60, UTC).isoformat()
    rng = np.random.default_rng(0)
    events = [
        {
            "event_id": str(number),
            "user_id": users[int(rng.integers(len(users)))],
            "item_id": items[int(rng.integers(len(items)))],
            "event": "click",
            "timestamp": now,
        }
        for number in range(n_events)
    ]
    alone, together = events[: n_events // 10], events[n_events // 10 :]
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(bundles, store=SqliteStore(Path(folder) / "state"), clock=lambda end: end + 3600 * SECOND)
        with TestClient(app) as client:
            drafts = [_draft(client, users[int(rng.integers(len(users)))], number) for number in range(n_drafts)]
            return {
                "event alone, ms": round(_posted(client, alone, 1), 3),
                "event of 20, ms": round(_posted(client, together, TOGETHER), 3),
                "draft, median ms": round(float(np.median(drafts)), 1),
                "draft, worst ms": round(max(drafts), 1),
            }


def _posted(client: TestClient, events: list[dict[str, str]], size: int) -> float:
    """CPU milliseconds an event, the client's part in them left out: it is that of as many requests for health."""
    bodies = [json.dumps({"events": events[start : start + size]}) for start in range(0, len(events), size)]
    before = time.process_time()
    for body in bodies:
        assert client.post("/v1/events", content=body, headers=_JSON).status_code == 200
    between = time.process_time()
    for _ in bodies:
        client.get("/health/live")
    return 1e3 * (2 * between - before - time.process_time()) / len(events)


def _draft(client: TestClient, user: str, number: int) -> float:
    asked = {"user_id": user, "item": {"title": f"green frog umbrella {number}"}}
    before = time.perf_counter()
    assert client.post("/v1/draft", json=asked).status_code == 200
    return 1e3 * (time.perf_counter() - before)


if __name__ == "__main__":
    main()
