"""As many users as one likes on a bundle: what real ones did, put together anew."""

from dataclasses import replace

import numpy as np

from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.data.vocabulary import Vocabulary


def crowd(bundle: Bundle, n: int, *, seed: int = 0) -> Bundle:
    """The bundle with n made-up users in place of its own.

    Each is two of the bundle's users drawn at random: what the first did in the first part of a history and the second
    in the rest, cut at the same random share of both, in order of time. So histories are as long as real ones, and as
    uneven.
    """
    source, log = np.random.default_rng(seed), bundle.snapshot
    users, cut = source.integers(0, len(log), (2, n)), source.random(n)
    starts, sizes = log.indptr[:-1][users], np.diff(log.indptr)[users]
    front = np.ceil(cut * sizes[0]).astype(np.int64)
    back = sizes[1] - np.ceil(cut * sizes[1]).astype(np.int64)
    row = np.concatenate([np.repeat(np.arange(n), part) for part in (front, back)])
    pick = np.concatenate([_runs(starts[0], front), _runs(starts[1] + sizes[1] - back, back)])
    order = np.lexsort((log.at[pick], row))
    pick = pick[order]
    histories = Histories(
        indptr=np.concatenate([[0], np.cumsum(front + back)]).astype(np.int64),
        item_idx=log.item_idx[pick],
        event=log.event[pick],
        at=log.at[pick],
        value=log.value[pick],
        weight=log.weight[pick],
    )
    return replace(bundle, users=Vocabulary.ordered([f"made-up {user:09d}" for user in range(n)]), snapshot=histories)


def _runs(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Each start and what follows it, as many as its size."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + sizes, sizes)
