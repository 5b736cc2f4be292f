"""Lists that each replay metric judges in a minute: python -m tests.bench.metric_speed [--lists 1000000].

Random lists of 20 among 20,000 items, each of another user, with a mean of 3 items taken and of 10 events before; at
lengths 10 and 20.
Prints millions of lists a minute, one metric a line, on the CPU time of the process and on the clock, and the memory.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from recsys.data.interactions import Histories
from recsys.evaluation.auc import Impressions, gauc, per_user_auc
from recsys.evaluation.metrics import Exposure, intra_list_distance, per_user
from recsys.evaluation.miscalibration import miscalibration
from recsys.evaluation.popularity_lift import popularity_lift
from recsys.evaluation.revenue import revenue
from recsys.evaluation.serendipity import serendipity
from recsys.evaluation.truth import Truth

ITEMS, CATEGORIES, K, DIM = 20_000, 100, 20, 64
LENGTHS = (10, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=int, default=1_000_000)
    n = parser.parse_args().lists
    for name, work in works(n).items():
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
        print(f"{name:20s} {n * 60e-6 / cpu:8.1f} by CPU {n * 60e-6 / clock:8.1f} by clock", flush=True)
    print(f"{'peak memory, GiB':20s} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:8.1f}")


def works(n: int) -> dict[str, Callable[[], object]]:
    """What is timed, for n lists."""
    rng = np.random.default_rng(0)
    users = np.arange(n, dtype=np.int32)
    lists, popular = distinct(rng, n, K), np.tile(np.arange(K, dtype=np.int32), (n, 1))
    sizes = rng.poisson(3, n)
    taken = np.sort(distinct(rng, n, int(sizes.max())), axis=1)
    among = np.arange(taken.shape[1]) < sizes[:, None]
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    truth = Truth(user_idx=users, indptr=indptr, item_idx=taken[among])
    weights = rng.random(ITEMS)
    before = histories(rng, n)
    categories = rng.integers(0, CATEGORIES, ITEMS).astype(np.int32)
    vectors = rng.normal(size=(ITEMS, DIM)).astype(np.float32)
    shown = Impressions(
        user_idx=np.repeat(users, K), score=rng.random(n * K).astype(np.float32), clicked=rng.random(n * K) < 0.1
    )
    amounts = rng.random(len(truth.item_idx))
    return {
        "seven of per_user": lambda: per_user(lists, truth, lengths=LENGTHS, information=weights),
        "exposure": lambda: Exposure.of(lists, n_items=ITEMS),
        "intra-list distance": lambda: intra_list_distance(lists, users, vectors=vectors, lengths=LENGTHS),
        "AUC per user": lambda: per_user_auc(shown),
        "GAUC, 200 samples": lambda: gauc(shown, samples=200),
        "serendipity": lambda: serendipity(lists, truth, expected=popular, lengths=LENGTHS),
        "revenue": lambda: revenue(lists, truth, amounts=amounts, lengths=LENGTHS),
        "popularity lift": lambda: popularity_lift(lists, users, histories=before, popularity=weights, lengths=LENGTHS),
        "miscalibration": lambda: miscalibration(
            lists, users, histories=before, categories=categories, lengths=LENGTHS
        ),
    }


def distinct(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """int32 (n, k), distinct within a row: steps from a random start."""
    steps = rng.integers(1, ITEMS // k, (n, k))
    return ((rng.integers(0, ITEMS, (n, 1)) + np.cumsum(steps, axis=1)) % ITEMS).astype(np.int32)


def histories(rng: np.random.Generator, n: int) -> Histories:
    """Ten events of each user on average."""
    sizes = rng.poisson(10, n)
    m = int(sizes.sum())
    return Histories(
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        item_idx=rng.integers(0, ITEMS, m).astype(np.int32),
        event=np.zeros(m, np.uint8),
        at=np.zeros(m, np.int64),
        value=np.full(m, np.nan),
        weight=rng.choice(np.array([0, 0.3, 1], np.float32), m),
    )


if __name__ == "__main__":
    main()
