"""The ranker's lessons: what was known at several instants, and what happened next."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.data.split import TimeSplit
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.examination import Examination
from recsys.ranking.feature_list import features
from recsys.ranking.features import FeatureTable
from recsys.ranking.rules import unseen
from recsys.ranking.snapshot import Snapshot
from recsys.ranking.stacked import stacked
from recsys.ranking.table import RankerTable
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, Instant, IntArray

_DOUBT = 10
"""New items whose pace is taken for that of all others, beside those that are counted."""
_CAUTION = 0.25
"""Which power of the pace is kept. 1 leaves as many takes as new items have, but what is passed over reads like a
refusal of what fits best, and few new items are found; 0 fills lists with items that nobody will take, where a
catalogue has many. Chosen on cut logs of both kinds (BENCHMARKS.md)."""


def training_rows(
    *,
    catalog: Catalog,
    vectors: ItemVectors,
    interest: InterestModel,
    interactions: Interactions,
    split: TimeSplit,
    config: RecommenderConfig,
) -> list[RankerTable]:
    """The ranker's rows, one table per instant of the split, oldest first.

    At each instant everything behavioural is fitted on what was known then; the labels run to the next instant.
    """
    made = snapshots(
        catalog=catalog, vectors=vectors, interest=interest, interactions=interactions, split=split, config=config
    )
    seen = Examination.of(interactions.before(split.ranker_end), limit=config.ranking.position_limit)
    return [table_of(snapshot, interactions, label_end=end, examination=seen) for snapshot, end in made]


def snapshots(
    *,
    catalog: Catalog,
    vectors: ItemVectors,
    interest: InterestModel,
    interactions: Interactions,
    split: TimeSplit,
    config: RecommenderConfig,
) -> Iterator[tuple[Snapshot, Instant]]:
    """What was known at each instant of the split, oldest first, and where its labels end.

    A share of the items, other ones at each instant, is taken for new (DropoutNet, Volkovs et al. 2017): so the ranker
    learns how much a text that nobody has met yet is worth, beside items of which much is known.
    """
    for as_of, label_end in split.label_windows():
        snapshot = Snapshot.of(
            interactions, catalog=catalog, vectors=vectors, interest=interest, as_of=as_of, config=config
        )
        lot = np.random.default_rng([config.seed, as_of]).random(len(catalog))
        new = np.flatnonzero(snapshot.items.known & (lot < config.ranking.cold_share))
        yield snapshot.without(new.astype(np.int32)), label_end


def table_of(
    snapshot: Snapshot,
    interactions: Interactions,
    *,
    label_end: Instant,
    examination: Examination | None = None,
    folder: Path | None = None,
) -> RankerTable:
    """Rows of the users with a history who took something between the snapshot's instant and `label_end`.

    Where an `examination` is given, what was taken counts as many times as its place says. With a `folder`, the
    values of the features lie in a file there (`stacked`), and only those of a block of users are ever in memory.

    Items of which nothing was known give no rows: that they are in the catalogue at all may be the log's foresight,
    and a ranker that saw them sell would learn to trust it. Items that are taken for new stand for them: the
    slower new ones are taken (`pace_of_new`), the more of what is taken of those is passed over.
    """
    as_of = snapshot.items.as_of
    window = interactions.between(as_of, label_end)
    future = window.positives()
    users = _chosen(future, interactions.before(as_of), snapshot.config)
    histories = interactions.histories(users, as_of=as_of)
    kept = pace_of_new(snapshot, future) ** _CAUTION
    truth = _slowed(future.histories(users, as_of=label_end), snapshot, kept)
    described, gain, reachable = _described(snapshot, histories, truth, folder)
    table = RankerTable(
        as_of=as_of,
        label_end=label_end,
        features=described,
        gain=gain,
        missed=reachable - int(np.count_nonzero(gain)),
    )
    if examination is None:
        return table
    counted = examination.corrected(window).positives().histories(users, as_of=label_end)
    return replace(table, times=_times(table, counted, n_items=len(snapshot.catalog)))


def pace_of_new(snapshot: Snapshot, future: Interactions) -> float:
    """How often an item that nobody had met is taken, in parts of how often others are; at most 1.

    The log's foresight can only raise it, hence the limit. A few new items say little: `_DOUBT` more are counted, that
    are taken as often as others.

    Args:
        snapshot: what was known before, whatever is taken for new.
        future: positive events after it.
    """
    takes = np.bincount(future.events["item_idx"].to_numpy(), minlength=len(snapshot.catalog))
    met = snapshot.items.met > 0
    met[snapshot.retriever.behaviour.silent] = True
    later = snapshot.catalog.items["created_at"].dt.epoch("us") >= snapshot.items.as_of
    new = ~met & ~later.fill_null(False).to_numpy()
    others = float(takes[met].mean()) if met.any() else 0.0
    if others == 0:
        return 1.0
    return min(1.0, (float(takes[new].sum()) / others + _DOUBT) / (int(new.sum()) + _DOUBT))


def _slowed(truth: Histories, snapshot: Snapshot, kept: float) -> Histories:
    """Only that share of what is taken of the items that are taken for new, drawn by user and item; all else."""
    n_items = len(snapshot.catalog)
    keys, which = np.unique(truth.rows * n_items + truth.item_idx, return_inverse=True)
    lot = np.random.default_rng([snapshot.config.seed, snapshot.items.as_of, 1]).random(len(keys))[which]
    return truth.where((lot < kept) | ~np.isin(truth.item_idx, snapshot.retriever.behaviour.silent))


def _chosen(future: Interactions, past: Interactions, config: RecommenderConfig) -> IntArray:
    users = np.intersect1d(future.user_indices(), past.user_indices())
    limit = config.ranking.users_per_instant
    if len(users) > limit:
        users = np.sort(np.random.default_rng(config.seed).choice(users, limit, replace=False))
    return users.astype(np.int32)


def _described(
    snapshot: Snapshot, histories: Histories, truth: Histories, folder: Path | None
) -> tuple[FeatureTable, FloatArray, int]:
    """What `_block` says of all blocks together, made one after the other."""
    names = tuple(feature.name for feature in features(snapshot.vectors.traits))
    gains, reachable = [np.zeros(0, np.float32)], 0

    def blocks() -> Iterator[FeatureTable]:
        nonlocal reachable
        for rows in snapshot.blocks(len(histories)):
            table, gain, labels = _block(snapshot, histories, truth, rows)
            gains.append(gain)
            reachable += labels
            yield table

    table = stacked(blocks(), names, folder=folder)
    return table, np.concatenate(gains), reachable


def _block(
    snapshot: Snapshot, histories: Histories, truth: Histories, rows: slice
) -> tuple[FeatureTable, FloatArray, int]:
    """Features and gains of a block's candidates, and how many of its labels could have been proposed."""
    as_of = snapshot.items.as_of
    users = range(rows.start, rows.stop)
    past, future = histories.take(users), truth.take(users)
    allowed = snapshot.allowed(past, as_of=as_of, mask=snapshot.items.known)
    allowed &= unseen(past, len(snapshot.items)) | (snapshot.items.met > 0)  # what is taken for new nobody has met
    candidates = snapshot.retriever.retrieve(past, as_of=as_of, allowed=allowed)
    gains = np.zeros(allowed.shape, np.float32)
    np.maximum.at(gains, (future.rows, future.item_idx), future.weight)
    table = snapshot.features(past, candidates, as_of=as_of)
    return table, gains[candidates.rows, candidates.item_idx], int(np.count_nonzero(gains * allowed))


def _times(table: RankerTable, counted: Histories, *, n_items: int) -> FloatArray:
    """How many times each gain counts, from the same events with corrected weights; 1 where there is none."""
    keys, which = np.unique(counted.rows * n_items + counted.item_idx, return_inverse=True)
    heaviest = np.zeros(len(keys), np.float32)
    np.maximum.at(heaviest, which, counted.weight)
    taken = np.flatnonzero(table.gain > 0)
    times = np.ones(len(table.gain), np.float32)
    times[taken] = heaviest[np.searchsorted(keys, (table.rows * n_items + table.features.item_idx)[taken])]
    times[taken] /= table.gain[taken]
    return times
