"""What answering costs, as ratios within one run: python -m tests.bench --run RUN (make bench).

The endpoint runs as a process of its own on loopback; its primitives (trees, JSON, an empty request) are timed
beside it, the trees also by LightGBM. Figures are medians, milliseconds unless said otherwise.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(name, "1")

REQUESTS = 300
CANDIDATES = 200
USERS = 2000

TREES = ("trees_200_rows", "lightgbm_200_rows")
"""As they are asked here, and the same forest by LightGBM's own prediction: two readings of what trees must cost."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a finished run directory")
    root = parser.parse_args().run / "bundles"
    from recsys.bundle import Bundle

    bundle = Bundle.load(root / "current")
    figures = inside(bundle) | outside(root, bundle)
    for trees in TREES:
        base = figures[trees] + figures["json"] + figures["http_empty"]
        figures[f"rank_over_primitives_{trees}"] = figures["http_rank_200_p50"] / base
    for name, value in figures.items():
        print(f"{name:30s} {value:10.3f}")


def timed(work: Callable[[int], object], n: int = REQUESTS) -> np.ndarray:
    """Milliseconds of n calls, after a tenth as many to warm up."""
    for i in range(n // 10):
        work(i)
    taken = np.empty(n)
    for i in range(n):
        start = time.perf_counter()
        work(i)
        taken[i] = (time.perf_counter() - start) * 1e3
    return taken


def inside(bundle) -> dict[str, float]:
    """Without HTTP: trees alone, the whole ranking of one user, lists in bulk, one text."""
    recommender, rng = bundle.recommender, np.random.default_rng(0)
    users = rng.choice(len(bundle.users), REQUESTS)
    items = np.sort(rng.choice(len(bundle.catalog), min(CANDIDATES, len(bundle.catalog)), replace=False)).astype(
        np.int32
    )
    histories = [bundle.snapshot.take([user]) for user in users]
    many = bundle.snapshot.take(rng.choice(len(bundle.users), min(USERS, len(bundle.users)), replace=False))
    texts = bundle.catalog.texts
    snapshot, ranker = recommender.snapshot, recommender.ranker
    found = [snapshot.retriever.score(history, [items], as_of=bundle.end) for history in histories]

    def features(i: int):
        return snapshot.features(histories[i % REQUESTS], found[i % REQUESTS], as_of=bundle.end).select(ranker.features)

    rows = [features(i) for i in range(REQUESTS)]
    trees = float(np.median(timed(lambda i: ranker.score(rows[i % REQUESTS]))))
    lightgbm = timed(lambda i: ranker.model.booster.predict(rows[i % REQUESTS].values, num_threads=1))
    start = time.perf_counter()
    recommender.recommend(many, k=20, as_of=bundle.end)
    bulk = len(many) / (time.perf_counter() - start)
    rank = timed(lambda i: recommender.rank(histories[i % REQUESTS], [items], as_of=bundle.end))
    body = json.dumps([{"item_id": str(i), "rank": int(i), "score": 0.1234567, "interest": 0.5} for i in items])
    return {
        "trees_200_rows": trees,
        "lightgbm_200_rows": float(np.median(lightgbm)),
        "features_and_trees_over_trees": float(np.median(timed(lambda i: ranker.score(features(i))))) / trees,
        "json": float(np.median(timed(lambda _: json.dumps(json.loads(body))))),
        "rank_200_p50": float(np.median(rank)),
        "rank_200_p99": float(np.quantile(rank, 0.99)),
        "encode_one_text": float(np.median(timed(lambda i: bundle.encoder.encode([texts[i % len(texts)]]), 100))),
        "batch_users_per_second": bulk,
    }


def outside(root: Path, bundle) -> dict[str, float]:
    """Over HTTP, one request after the other, one connection."""
    command = [sys.executable, "-m", "pipelines", "serve", "--bundles", str(root), "--port", "0", "--clock", "log"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = next(int(m[1]) for line in server.stderr if (m := re.search(r"Listening on http://\S+:(\d+)", line)))
        connection = connected(port)
        rng = np.random.default_rng(0)
        users = [bundle.users.ids[i] for i in rng.choice(len(bundle.users), REQUESTS)]
        ids = [bundle.catalog.vocabulary.ids[i] for i in rng.choice(len(bundle.catalog), CANDIDATES, replace=False)]

        def ask(path: str, body: dict | None) -> None:
            headers = {"content-type": "application/json"}
            connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text

        empty = timed(lambda _: ask("/health/live", None))
        rank = timed(lambda i: ask("/v1/rank", {"user_id": users[i % REQUESTS], "item_ids": ids}))
        recommend = timed(lambda i: ask("/v1/recommend", {"user_id": users[i % REQUESTS], "k": 20}))
        status = Path(f"/proc/{server.pid}/status").read_text()
        return {
            "http_empty": float(np.median(empty)),
            "http_rank_200_p50": float(np.median(rank)),
            "http_rank_200_p99": float(np.quantile(rank, 0.99)),
            "http_recommend_20_p50": float(np.median(recommend)),
            "http_recommend_20_p99": float(np.quantile(recommend, 0.99)),
            "server_peak_mib": int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024,
        }
    finally:
        server.kill()
        server.wait(20)


def connected(port: int) -> http.client.HTTPConnection:
    """A connection to a server that is about to listen."""
    for _ in range(100):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return connection
    raise SystemExit("The server did not start to listen within 10 s.")


if __name__ == "__main__":
    main()
