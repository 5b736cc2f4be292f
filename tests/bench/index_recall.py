"""The index of a large catalogue beside an exact search: python -m tests.bench.index_recall [--items N --dim D].

Vectors lie around centres, a thousand a centre on average and very unevenly many, 0.8 from it before they are made unit
length; queries are drawn alike. One thread; times are CPU seconds of this process, so that a busy machine changes
their ratio little. One JSON object: recall@k, time ÷ time of the exact search of the same queries, bytes, seconds.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex

T = TypeVar("T")
CHUNK = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--noise", type=float, default=0.8, help="how far vectors lie from their centre")
    parser.add_argument("--allowed", type=float, default=1.0, help="share of the items that a filter leaves, at random")
    parser.add_argument("--config", default="{}", help="IndexConfig as JSON, where it is not the default")
    with threadpool_limits(limits=1):
        print(json.dumps(figures(parser.parse_args())))


def figures(given: argparse.Namespace) -> dict[str, object]:
    """Build by the plan, then search; the exact index comes last, so that both are never in memory while building."""
    items, queries = (clustered(n, given, seed) for n, seed in ((given.items, 1), (given.queries, 2)))
    allowed = None if given.allowed == 1 else np.random.default_rng(3).random(given.items) < given.allowed
    config = IndexConfig.model_validate_json(given.config)
    index, build = timed(lambda: ItemIndex.build(items, config))
    found, taken = timed(lambda: index.search(queries, given.k, allowed=allowed))
    exact, exact_build = timed(lambda: ItemIndex.build(items, IndexConfig(factory="Flat")))
    true, exact_taken = timed(lambda: exact.search(queries, given.k, allowed=allowed))
    shared = [np.isin(a[a >= 0], b).sum() for a, b in zip(true.item_idx, found.item_idx, strict=True)]
    return {
        "items": given.items,
        "dim": given.dim,
        "allowed": given.allowed,
        "factory": index.plan.factory,
        "effort": index.plan.effort,
        f"recall@{given.k}": round(float(np.sum(shared) / (true.item_idx >= 0).sum()), 4),
        "recall when built": round(index.built_recall, 4),
        "time / exact": round(taken / exact_taken, 4),
        "ms a query": round(taken / given.queries * 1e3, 3),
        "exact ms a query": round(exact_taken / given.queries * 1e3, 3),
        "bytes": saved(index),
        "exact bytes": saved(exact),
        "build seconds": round(build, 1),
        "exact build seconds": round(exact_build, 1),
    }


def clustered(n: int, given: argparse.Namespace, seed: int) -> np.ndarray:
    """float32 (n, dim), unit rows."""
    world, rng = np.random.default_rng(0), np.random.default_rng(seed)
    centres = unit(world.standard_normal((max(given.items // 1000, 10), given.dim), np.float32))
    sizes = world.lognormal(size=len(centres))
    rows = np.empty((n, given.dim), np.float32)
    for start in range(0, n, CHUNK):
        part = rows[start : start + CHUNK]
        rng.standard_normal(out=part, dtype=np.float32)
        part *= given.noise / np.sqrt(np.float32(given.dim))
        part += centres[rng.choice(len(centres), len(part), p=sizes / sizes.sum())]
        part[:] = unit(part)
    return rows


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result, and CPU seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def saved(index: ItemIndex) -> int:
    """Bytes of the index alone: the vectors themselves are the catalogue's."""
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        return (Path(folder) / "index.faiss").stat().st_size


if __name__ == "__main__":
    main()
