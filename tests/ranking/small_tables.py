"""Rows whose order is known: every user takes the two items with the largest `telling`."""

import numpy as np

from recsys.ranking.config import TreesConfig
from recsys.ranking.features import FeatureTable
from recsys.ranking.table import RankerTable

N_USERS, N_ITEMS = 60, 10
TREES = TreesConfig(trees=20, leaves=4, min_rows=5, feature_fraction=1.0, learning_rate=0.1, l2=0)


def table(
    seed: int, *, n_users: int = N_USERS, gain: bool = True, names: tuple[str, ...] = ("telling", "noise")
) -> RankerTable:
    """The first feature tells, the second says nothing, half of it is missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_users, N_ITEMS, 2)).astype(np.float32)
    values[..., 1][rng.random((n_users, N_ITEMS)) < 0.5] = np.nan
    order = np.argsort(-values[..., 0], axis=1)
    gains = np.zeros((n_users, N_ITEMS), np.float32)
    if gain:
        np.put_along_axis(gains, order[:, :2], 1.0, axis=1)
    features = FeatureTable(
        names=names,
        values=values.reshape(-1, 2),
        indptr=np.arange(0, n_users * N_ITEMS + 1, N_ITEMS),
        item_idx=np.tile(np.arange(N_ITEMS, dtype=np.int32), n_users),
    )
    return RankerTable(as_of=seed, label_end=seed + 1, features=features, gain=gains.ravel(), missed=0)


def drawn(seed: int, strength: float, *, n_users: int = 300) -> RankerTable:
    """Each pair is taken with probability 1 / (1 + exp(3 - strength · telling)), whatever the others."""
    made = table(seed, n_users=n_users, gain=False)
    rng = np.random.default_rng(seed + 1000)
    chance = 1 / (1 + np.exp(3 - strength * made.features.values[:, 0].astype(np.float64)))
    gain = (rng.random(len(chance)) < chance).astype(np.float32)
    return RankerTable(as_of=seed, label_end=seed + 7, features=made.features, gain=gain, missed=0)
