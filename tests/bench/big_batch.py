"""Lists from a large bundle, and the memory they take: python -m tests.bench.big_batch --bundle BUNDLE [--users N].

`recsys recommend --engine local` makes and writes the lists of N users drawn from those the bundle knows, in a process
of its own with one thread, whose peak memory is that of nothing else. Then the bundle is read here, and the index is
compared with an exact search for the vectors of QUERIES of these users. One JSON object: users, items, CPU seconds of
all and a user, peak memory in GiB, share of the 200 nearest items found, bytes of the bundle's files.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from recsys.bundle import Bundle
from recsys.retrieval.index import RECALL_K

QUERIES = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="a bundle directory")
    parser.add_argument("--users", type=int, default=20_000, help="how many, drawn from those it knows")
    parser.add_argument("--k", type=int, default=20, help="items a list")
    parser.add_argument("--out", type=Path, help="where the lists go; a temporary folder if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {**lists(given, given.out or Path(folder) / "lists", Path(folder)), **search(given)}
    print(json.dumps(figures))


def drawn(ids: list[str] | tuple[str, ...], n: int) -> list[str]:
    """Some of the ids, sorted; the same each time."""
    rows = np.random.default_rng(0).choice(len(ids), min(n, len(ids)), replace=False)
    return sorted(ids[row] for row in rows)


def lists(given: argparse.Namespace, out: Path, folder: Path) -> dict[str, float]:
    """What the command takes; this process reads no more than the ids before, so that the peak is the command's."""
    users = drawn(json.loads((given.bundle / "users.json").read_text()), given.users)
    (folder / "users.txt").write_text("\n".join(users))
    command = ["recommend", "--bundle", str(given.bundle), "--users", str(folder / "users.txt")]
    command += ["--out", str(out), "--k", str(given.k)]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    subprocess.run([sys.executable, "-m", "pipelines", *command], check=True, env={**os.environ, **one})
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = spent.ru_utime + spent.ru_stime
    made = pl.scan_parquet(out / "*.parquet").select(pl.len(), pl.col("user_id").n_unique()).collect()
    return {
        "users": len(users),
        "lists": made["user_id"].item(),
        "items listed": made["len"].item(),
        "CPU s": round(cpu, 1),
        "CPU ms a user": round(1000 * cpu / len(users), 2),
        "peak GiB": round(spent.ru_maxrss / 2**20, 2),
        "bundle GB": round(sum(path.stat().st_size for path in given.bundle.rglob("*") if path.is_file()) / 1e9, 2),
    }


def search(given: argparse.Namespace) -> dict[str, object]:
    """What the index finds of what there is, for users as the recommender asks for them."""
    with threadpool_limits(1):
        bundle = Bundle.load(given.bundle)
        retriever = bundle.recommender.retriever
        histories = bundle.histories(drawn(bundle.users.ids, QUERIES))
        asked = retriever.interest.user_vectors(histories, retriever.vectors, as_of=bundle.end)
        asked = asked[asked.any(axis=1)]
        return {
            "known users": len(bundle.users),
            "items": len(bundle.catalog),
            "index": retriever.index.plan.factory,
            "effort": retriever.index.plan.effort,
            "queries": len(asked),
            f"recall@{RECALL_K}": round(retriever.index.recall(asked, RECALL_K), 4),
            "recall when built": round(retriever.index.built_recall, 4),
        }


if __name__ == "__main__":
    main()
