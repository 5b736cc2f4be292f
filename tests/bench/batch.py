"""Lists in bulk beside what they must cost: python -m tests.bench.batch --bundle BUNDLE [--users N].

The local engine makes and writes the lists of N users, one thread, the bundle read before: of the bundle's own, or of
made-up ones (`tests.bench.crowd`) where it has fewer. Of every few partitions, what no engine can leave out is timed
alone: the search of the index, the prediction of the ranker, the writing of the table. And of some hundred of the same
users one is asked for after the other, by the recommender as it is served. One JSON object: users a second of the
engine, of the three primitives together and of each, and of asking one by one; the share of the primitives' limit that
the engine reaches; how many times one by one it is. Times are CPU seconds of this process, so that a busy machine
changes their ratios little; the writing's too, so that a slow disk is no excuse for the engine.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from pipelines import partitions
from pipelines.list_maker import ListMaker, Wanted
from recsys.bundle import Bundle
from tests.bench.crowd import crowd

T = TypeVar("T")

_LOOKED_AT = 12
"""Partitions, about, whose primitives are timed alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A partition's users, and the two inputs that the primitives are timed on."""

    users: Sequence[str]
    vectors: np.ndarray
    rows: list


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="a bundle directory")
    parser.add_argument("--users", type=int, default=10_000, help="how many; made up where the bundle has fewer")
    parser.add_argument("--k", type=int, default=20, help="items a list")
    parser.add_argument("--alone", type=int, default=500, help="of them, how many are asked for one by one")
    given = parser.parse_args()
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # which is read when polars first works
    with threadpool_limits(1):
        print(json.dumps(figures(given.bundle, n=given.users, k=given.k, alone=given.alone)))


def figures(directory: Path, *, n: int, k: int, alone: int) -> dict[str, float]:
    """By `ListMaker` and `partitions.write`, as the local engine does; compiled code is compiled before."""
    maker, served = ListMaker.load(Wanted(bundle=directory, k=k)), Bundle.load(directory)
    if n > len(served.users):
        served = crowd(served, n)
        maker = replace(maker, bundle=replace(maker.bundle, users=served.users, snapshot=served.snapshot))
    known, size = served.users.ids, partitions.USERS
    ids = sorted(known[row] for row in np.random.default_rng(0).choice(len(known), min(n, len(known)), replace=False))
    cut = [ids[start : start + size] for start in range(0, len(ids), size)]
    maker.table(cut[0])
    seconds, looked_at, parts = 0.0, 0, dict.fromkeys(("search", "trees", "write"), 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for number, users in enumerate(cut):
            table, making = timed(lambda users=users: maker.table(users))
            _, writing = timed(lambda number=number, table=table: partitions.write(Path(folder), number, table))
            seconds += making + writing
            if number % max(1, len(cut) // _LOOKED_AT) == 0:
                looked_at += len(users)
                for name, taken in primitives(maker, share(maker, users), table, Path(folder)).items():
                    parts[name] += taken
                done, limit = (number + 1) * size, looked_at / sum(parts.values())
                print(f"{done} users: {done / seconds:.0f}/s, primitives {limit:.0f}/s", file=sys.stderr, flush=True)
    engine, limit = len(ids) / seconds, looked_at / sum(parts.values())
    single = one_by_one(served, ids[:: max(1, len(ids) // alone)][:alone], k=k)
    return {
        "users": len(ids),
        "items": len(served.catalog),
        "engine users/s": round(engine, 1),
        "primitives users/s": round(limit, 1),
        **{f"{name} users/s": round(looked_at / taken, 1) for name, taken in parts.items()},
        "one by one users/s": round(single, 1),
        "engine / primitives": round(engine / limit, 3),
        "engine / one by one": round(engine / single, 2),
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


def primitives(maker: ListMaker, one: Share, table, folder: Path) -> dict[str, float]:
    """Seconds of each."""
    recommender = maker.bundle.recommender
    index, most = recommender.retriever.index, recommender.retriever.sizes[-1]
    return {
        "search": timed(lambda: index.search(one.vectors, most))[1],
        "trees": sum(timed(lambda rows=rows: recommender.ranker.score(rows))[1] for rows in one.rows),
        "write": timed(lambda: table.write_parquet(folder / "alone.parquet"))[1],
    }


def one_by_one(served: Bundle, users: Sequence[str], *, k: int) -> float:
    """Users a second, each asked for alone."""

    def ask() -> None:
        for user in users:
            served.recommender.recommend(served.histories([user]), k=k, as_of=served.end)

    served.recommender.recommend(served.histories(users[:1]), k=k, as_of=served.end)
    return len(users) / timed(ask)[1]


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its CPU seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


if __name__ == "__main__":
    main()
