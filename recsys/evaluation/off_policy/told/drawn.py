"""The lists of a log, and what those were drawn from whose candidates it holds, as matrices."""

from dataclasses import dataclass

import numpy as np

from recsys.evaluation.off_policy.log.answers import picked
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.followed import followed
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.off_policy.told.ways import Ways
from recsys.schema import BoolArray, IntArray, LongArray

SAME = 1e-4
"""Relative distance of a propensity from what scores alone give it, from where on rules have moved the list: scores and
propensities are logged as float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Of n requests.

    Attributes:
        logged: the log.
        ways: who drew each list.
        told: int64 (n,), where `logged.candidates` has each request, -1 where it has not.
    """

    logged: Logged
    ways: Ways
    told: LongArray

    @classmethod
    def of(cls, logged: Logged, ways: Ways) -> "Drawn":
        """From a log."""
        told = np.full(len(logged), -1, np.int64)
        told[logged.candidates.request] = np.arange(len(logged.candidates))
        return cls(logged=logged, ways=ways, told=told)

    def lists(self, request: LongArray) -> tuple[IntArray, LongArray, BoolArray]:
        """Items int32 (r, l), -2 where a list has ended; the row of each in the log, and bool (r, l): where one is."""
        bounds, rows = picked(self.logged.indptr, request)
        sizes = np.diff(bounds)
        there = np.arange(sizes.max(initial=0)) < sizes[:, None]
        items = np.full(there.shape, -2, np.int32)
        items[there] = self.logged.item.codes[rows]
        return items, rows, there

    def longest(self, request: LongArray) -> int:
        """Places of the longest of some lists, at least 1."""
        return int(np.diff(self.logged.indptr)[request].max(initial=1))

    def entries(self, request: LongArray, item: IntArray) -> LongArray:
        """int64 (r, c): which entry of the log's candidates each item int32 (r, c) is; -1 where it is none of them."""
        candidates, width = self.logged.candidates, np.int64(len(self.logged.item.names) + 1)
        known = np.flatnonzero(self.told[request] >= 0)
        bounds, entries = picked(candidates.indptr, self.told[request[known]])
        keys = np.repeat(known, np.diff(bounds)) * width + candidates.item[entries]  # none is that of item -1
        order = np.argsort(keys, kind="stable")
        wanted = np.arange(len(request))[:, None] * width + item
        if not len(keys):
            return np.full(item.shape, -1, np.int64)
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        return np.where(keys[order[place]] == wanted, entries[order[place]], -1)

    def ranked(self, request: LongArray) -> Ranked:
        """What the lists of requests of one way were drawn from; for those whose candidates are told."""
        candidates = self.logged.candidates
        policy = self.ways.policies[int(self.ways.which[request[0]])]
        return Ranked.of(policy, candidates.indptr, self.told[request], candidates.item, candidates.score)

    def plain(self, ranked: Ranked, request: LongArray) -> BoolArray:
        """Bool (r,): whether propensities are what scores alone give, so that no rule was in the way."""
        items, rows, there = self.lists(request)
        given = np.zeros(there.shape)
        given[there] = self.logged.propensity[rows]
        chance, _ = followed(ranked, ranked.place(items), there.sum(axis=1))
        return np.asarray((np.abs(chance - given) <= SAME * given).all(axis=1), np.bool_)

    def scored(self) -> BoolArray:
        """Bool (n,): requests whose candidates and all their scores are told."""
        candidates = self.logged.candidates
        bad = np.repeat(candidates.request, candidates.sizes)[~np.isfinite(candidates.score)]
        out = self.told >= 0
        out[bad] = False
        return out
