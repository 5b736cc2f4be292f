"""The log replayed through the online state, against rows made at once: python -m tests.bench.replay --run RUN.

The items' counters advance in `--steps` steps, each of which knows only the users who did something in it; at every
instant of the ranker's rows, and at ranker_end, the rows of as many users as `--users` says are made from them and,
anew, from the whole log. Prints the largest relative difference of a feature as JSON; exit code 1 above `LIMIT`.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.data.interactions import Interactions
from recsys.ranking.features import FeatureTable
from recsys.ranking.snapshot import Snapshot
from recsys.ranking.state import ItemState

LIMIT = 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run directory with vectors")
    parser.add_argument("--steps", type=int, default=500, help="steps the log is replayed in")
    parser.add_argument("--users", type=int, default=500, help="users whose rows are compared at each instant")
    asked = parser.parse_args()
    opened = RunDirectory.open(asked.run)
    found = replay(Parts.load(opened), steps=asked.steps, users=asked.users)
    print(json.dumps(found))
    sys.exit(found["largest_relative_difference"] > LIMIT)


def replay(parts: Parts, *, steps: int, users: int) -> dict[str, float]:
    """How many rows were compared, and how far the farthest value is off."""
    log, split = parts.interactions, parts.split
    known = log.before(split.ranker_end).events["at"]
    cuts = sorted({int(at) for at in known.to_numpy()[np.linspace(0, len(known) - 1, steps).astype(int)]})
    instants = [*split.instants, split.ranker_end]
    half_lives = parts.config.ranking.half_lives
    state = ItemState.of(parts.catalog, log, as_of=cuts[0], half_lives=half_lives)
    rows, worst = 0, 0.0
    for as_of in sorted({*cuts[1:], *instants}):
        state = state.advance(parts.catalog, _told(log, state.as_of, as_of), as_of=as_of)
        if as_of in instants:
            table, difference = _compared(parts, state, users)
            rows, worst = rows + len(table.values), max(worst, difference)
    return {"steps": len(cuts), "instants": len(instants), "rows": rows, "largest_relative_difference": worst}


def _told(log: Interactions, start: int, end: int) -> Interactions:
    """What an online store would tell: the whole history of those who did something, and of nobody else."""
    at = pl.col("at")
    news = log.events.filter((at >= start) & (at < end))["user_idx"].unique()
    events = log.events.filter((at < end) & pl.col("user_idx").is_in(news.implode()))
    return replace(log, events=events)


def _compared(parts: Parts, state: ItemState, users: int) -> tuple[FeatureTable, float]:
    log, as_of = parts.interactions, state.as_of
    offline = Snapshot.of(
        log, catalog=parts.catalog, vectors=parts.vectors, interest=parts.interest, as_of=as_of, config=parts.config
    )
    some = log.before(as_of).user_indices()
    some = np.random.default_rng(0).permutation(some)[:users]
    histories = log.histories(some, as_of=as_of)
    candidates = offline.retriever.retrieve(histories, as_of=as_of, allowed=offline.allowed(histories, as_of=as_of))
    expected = offline.features(histories, candidates, as_of=as_of)
    found = replace(offline, items=state).features(histories, candidates, as_of=as_of)
    missing = np.isnan(expected.values)
    if not np.array_equal(missing, np.isnan(found.values)):
        return expected, float("inf")
    scale = np.maximum(np.abs(expected.values), 1e-6)
    return expected, float(np.max(np.where(missing, 0, np.abs(found.values - expected.values) / scale), initial=0))


if __name__ == "__main__":
    main()
