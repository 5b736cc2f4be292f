"""What memory the ranker's rows take: python -m tests.bench.ranker_table [--users 500 2000].

Three instants of so many users, 300 candidates each and 90 features, random but for the first; the rows are made user
by user and lie in a file, two rankers of five trees learn from them, one of them without ten features. Prints, a line
for each number of users: rows, MiB of all values, then MiB at the peak, of the whole process: `own`, which no file
stands behind, and `pss`, the file's mapped pages included.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recsys.ranking.config import RankingConfig, TreesConfig
from recsys.ranking.features import FeatureTable
from recsys.ranking.ranker import Ranker
from recsys.ranking.stacked import stacked
from recsys.ranking.table import RankerTable
from tests.bench.memory import peak_of

INSTANTS, ROWS, FEATURES, TAKEN = 3, 300, 90, 5
NAMES = tuple(f"f{n}" for n in range(FEATURES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--fit", type=int, help="only do the work, of so many users, in this process")
    given = parser.parse_args()
    if given.fit is not None:
        fit(given.fit)
        return
    print(f"{'users':>8s}{'rows':>10s}{'values':>9s}{'own':>9s}{'pss':>9s}")
    for users in given.users:
        peak = peak_of(subprocess.Popen([sys.executable, "-m", "tests.bench.ranker_table", "--fit", str(users)]))
        rows = INSTANTS * users * ROWS
        print(f"{users:8d}{rows:10d}{rows * FEATURES * 4 / 2**20:9.0f}{peak.own:9.0f}{peak.pss:9.0f}", flush=True)


def fit(users: int) -> None:
    """As the stage does it."""
    with tempfile.TemporaryDirectory() as folder:
        tables = [table(seed, users, Path(folder)) for seed in range(INSTANTS)]
        config = RankingConfig(trees=TreesConfig(trees=5))
        Ranker.fit(tables, config)
        Ranker.fit(tables, config, without=frozenset(NAMES[-10:]))


def table(seed: int, users: int, folder: Path) -> RankerTable:
    """Every user takes the items with the highest first feature."""
    rng, gains = np.random.default_rng(seed), []

    def blocks() -> Iterator[FeatureTable]:
        for start in range(0, users, 50):
            n = min(50, users - start)
            values = rng.standard_normal((n, ROWS, FEATURES), np.float32)
            rank = np.argsort(np.argsort(-values[..., 0], axis=1), axis=1)
            gains.append((rank < TAKEN).astype(np.float32).ravel())
            yield FeatureTable(
                names=NAMES,
                values=values.reshape(-1, FEATURES),
                indptr=np.arange(0, n * ROWS + 1, ROWS),
                item_idx=np.tile(np.arange(ROWS, dtype=np.int32), n),
            )

    features = stacked(blocks(), NAMES, folder=folder)
    return RankerTable(as_of=seed, label_end=seed + 1, features=features, gain=np.concatenate(gains), missed=0)


if __name__ == "__main__":
    main()
