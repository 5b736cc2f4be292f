"""Lists in bulk beside what they must cost: python -m tests.bench.batch --bundle BUNDLE [--users N].

The local engine makes and writes the lists of N users, one thread, the bundle read before; then, of the same users,
what no engine can leave out is timed alone: the search of the index, the prediction of the ranker, the writing of the
tables. One JSON object: users a second of the engine, of the three primitives together and of each; and how many times
the primitives' time the engine takes. Times are CPU seconds of this process, so that a busy machine changes their
ratio little; the writing's too, so that a slow disk is no excuse for the engine.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from pipelines import partitions
from pipelines.list_maker import ListMaker, Wanted

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A partition's users, and the two inputs that the primitives are timed on."""

    users: Sequence[str]
    vectors: np.ndarray
    rows: list


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="a bundle directory")
    parser.add_argument("--users", type=int, default=10_000, help="how many at most, drawn from those it knows")
    parser.add_argument("--k", type=int, default=20, help="items a list")
    given = parser.parse_args()
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # which is read when polars first works
    maker = ListMaker.load(Wanted(bundle=given.bundle, k=given.k))
    with threadpool_limits(1):
        print(json.dumps(figures(maker, given.users)))


def figures(maker: ListMaker, n: int) -> dict[str, float]:
    """By `ListMaker` and `partitions.write`, as the local engine does; compiled code is compiled before."""
    known = maker.bundle.users.ids
    drawn = np.random.default_rng(0).choice(len(known), min(n, len(known)), replace=False)
    ids, size = sorted(known[row] for row in drawn), partitions.USERS
    cut = [ids[start : start + size] for start in range(0, len(ids), size)]
    maker.table(cut[0])
    with tempfile.TemporaryDirectory() as folder:
        taken, tables = 0.0, []
        for number, users in enumerate(cut):
            table, making = timed(lambda users=users: maker.table(users))
            _, writing = timed(lambda number=number, table=table: partitions.write(Path(folder), number, table))
            taken += making + writing
            tables.append(table)
        parts = primitives(maker, [share(maker, users) for users in cut], tables, Path(folder))
    limit = sum(parts.values())
    return {
        "users": len(ids),
        "items": len(maker.bundle.catalog),
        "engine users/s": round(len(ids) / taken, 1),
        "primitives users/s": round(len(ids) / limit, 1),
        **{f"{name} users/s": round(len(ids) / seconds, 1) for name, seconds in parts.items()},
        "engine / primitives": round(taken / limit, 2),
    }


def share(maker: ListMaker, users: Sequence[str]) -> Share:
    """What the recommender asks its index and its ranker for these users."""
    bundle, recommender = maker.bundle, maker.bundle.recommender
    histories, snapshot, rows = bundle.histories(users), recommender.snapshot, []
    vectors = snapshot.retriever.interest.user_vectors(histories, recommender.vectors.vectors, as_of=bundle.end)
    found = recommender.proposed(histories, as_of=bundle.end, allowed=maker.allowed)
    if recommender.ranker is not None:
        for block, candidates in zip(snapshot.blocks(len(users)), found, strict=True):
            part = histories.part(block.start, block.stop)
            table = recommender.features(part, candidates, as_of=bundle.end)
            rows.append(table.select(recommender.ranker.features))
    return Share(users=users, vectors=vectors, rows=rows)


def primitives(maker: ListMaker, shares: Sequence[Share], tables: Sequence, folder: Path) -> dict[str, float]:
    """Seconds of each, all users together."""
    recommender = maker.bundle.recommender
    index, most = recommender.retriever.index, recommender.retriever.sizes[-1]
    taken = {
        "search": sum(timed(lambda one=one: index.search(one.vectors, most))[1] for one in shares),
        "trees": sum(timed(lambda rows=rows: recommender.ranker.score(rows))[1] for one in shares for rows in one.rows),
    }
    for number, table in enumerate(tables):
        write = timed(lambda number=number, table=table: table.write_parquet(folder / f"{number}.parquet"))[1]
        taken["write"] = taken.get("write", 0.0) + write
    return taken


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its CPU seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


if __name__ == "__main__":
    main()
