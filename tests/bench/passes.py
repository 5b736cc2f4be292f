"""What a list's passes over all items of a catalogue take: python -m tests.bench.passes [--items N].

Each is what the recommender does for one user, without the work that no catalogue's size changes: the scores of all
sources made empty and touched, the best of each found, candidates collected, the likest users, their items and those
that share words read, ALS of the items it covers. CPU milliseconds of one thread; nanoseconds an item of all together.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from recsys.retrieval.candidates import DENSE, SOURCES
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.tops import highest, propose

REPEATS, KNOWN, DEPTH = 5, 3000, 100
_PAGE = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    print(json.dumps(figures(parser.parse_args().items)))


def figures(n: int) -> dict[str, float]:
    taken = {name: milliseconds(work) for name, work in passes(n).items()}
    return {"items": n, **taken, "ns an item": round(1e6 * sum(taken.values()) / n, 1)}


def passes(n: int) -> dict[str, Callable[[], object]]:
    """Of a user whom sparse sources tell of KNOWN items each, and two sources of all."""
    rng = np.random.default_rng(0)
    dense = np.zeros((len(DENSE), 1, n), np.float32)
    for source in range(len(DENSE) - 2):
        dense[source, 0, rng.integers(0, n, KNOWN)] = rng.random(KNOWN)
    dense[-2:] = rng.random((2, 1, n))
    allowed, sizes = np.ones((1, n), np.bool_), np.full(len(SOURCES), 60)
    few, likeness = np.zeros((1, n), np.uint16), np.zeros(n)
    few[0, rng.integers(0, n, 800)] = 1
    likeness[rng.integers(0, n, KNOWN)] = 1
    factors = rng.random((min(n, BehaviourConfig().als_max_items), BehaviourConfig().als_factors), np.float32)

    def proposed() -> None:
        best = np.full((1, len(SOURCES), DEPTH), -np.inf, np.float32)
        propose(dense, allowed, sizes, np.zeros((1, n), np.uint16), best)

    return {
        "empty": lambda: np.zeros((len(DENSE), 1, n), np.float32)[:, :, ::_PAGE].fill(1),  # a page is made when touched
        "best": proposed,
        "candidates": lambda: np.nonzero(few > 0),
        "likest users": lambda: highest(likeness, 200),
        "their items, words": lambda: [np.copyto(row, np.zeros(n), "same_kind") for row in dense[:2, 0]],
        "als": lambda: np.einsum("if,f->i", factors, factors[0]),
    }


def milliseconds(work: Callable[[], object]) -> float:
    work()
    start = time.process_time()
    for _ in range(REPEATS):
        work()
    return round((time.process_time() - start) / REPEATS * 1e3, 2)


if __name__ == "__main__":
    main()
