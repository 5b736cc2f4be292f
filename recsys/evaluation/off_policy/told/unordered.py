"""What some requests of a log, drawn at random, tell whatever stands above an item: marginals and list weights."""

from dataclasses import dataclass

import numpy as np

from recsys.evaluation.off_policy.estimators.slates import Marginals
from recsys.evaluation.off_policy.told.drawn import Drawn
from recsys.evaluation.off_policy.told.list_weights import countable, list_weights
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.off_policy.told.standing import standing
from recsys.schema import BoolArray, DoubleArray, LongArray

MARGINALS, WORK = 20_000, 20_000_000
"""Requests whose marginals are worked out, at most, and what they cost in all: candidates and four times the places of
each, times its places. Some 10 s."""

PLACES = 100
"""Lists that are longer are passed over: memory grows with the square."""

WEIGHTS = 2_000
"""Requests whose list weights are worked out, at most; each takes the inverse of a matrix."""

_AT_ONCE = 5_000
"""Requests times the square of their places, so that matrices stay in cache."""

_SMALLEST = 1e-100


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered:
    """Of n requests and m rows; NaN where unknown, or not done yet.

    Attributes:
        drawn: the log.
        wanted: bool (n,), whose marginals are worked out.
        weighed: bool (n,), whose list weights are, too.
        logged: float64 (m,), P(item at its place) when lists were drawn.
        target: float64 (m,), the same of the judged policy.
        weight: float64 (n,), pseudo-inverse weights.
    """

    drawn: Drawn
    wanted: BoolArray
    weighed: BoolArray
    logged: DoubleArray
    target: DoubleArray
    weight: DoubleArray

    @classmethod
    def of(cls, drawn: Drawn, told: LongArray, *, seed: int) -> "Unordered":
        """For some of the requests `told`, int64, whose candidates the log holds, chosen by nothing but chance."""
        length = np.diff(drawn.logged.indptr)
        wanted = drawn.scored() & (length <= PLACES)
        some = np.random.default_rng(seed).permutation(np.sort(told[wanted[told]]))[:MARGINALS]
        work = length[some] * (drawn.logged.candidates.sizes[drawn.told[some]] + 4 * length[some])
        some = some[np.cumsum(work) <= WORK]
        n, m = len(drawn.logged), len(drawn.logged.propensity)
        wanted, weighed = np.zeros((2, n), np.bool_)
        wanted[some], weighed[some[:WEIGHTS]] = True, True
        logged, target = np.full((2, m), np.nan)
        return cls(drawn=drawn, wanted=wanted, weighed=weighed, logged=logged, target=target, weight=np.full(n, np.nan))

    @property
    def marginal(self) -> Marginals | None:
        """None where nothing is known."""
        known = not np.isnan(self.logged).all()
        return Marginals(logged=self.logged, target=self.target) if known else None

    @property
    def pseudo(self) -> DoubleArray | None:
        """float64 (n,); None where nothing is known."""
        return None if np.isnan(self.weight).all() else self.weight

    def done(self, judged: Ranked, request: LongArray) -> None:
        """Those of r requests, int64 (r,), that are wanted; `judged` are their candidates by the judged policy."""
        chosen = np.flatnonzero(self.wanted[request])
        way = self.drawn.ways.which[request[chosen]]
        for each in np.unique(way):
            rows = chosen[way == each]
            step = max(1, _AT_ONCE // self.drawn.longest(request[rows]) ** 2)
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                self._done(judged.take(some), request[some])

    def _done(self, judged: Ranked, request: LongArray) -> None:
        ranked = self.drawn.ranked(request)
        items, rows, there = self.drawn.lists(request)
        plain = self.drawn.plain(ranked, request)
        before, after = standing(ranked, ranked.place(items)), standing(judged, judged.place(items))
        known = plain & ~(there & (np.isnan(after) | ~(before > _SMALLEST))).any(axis=1)
        self.logged[rows] = np.where(known[:, None], before, np.nan)[there]
        self.target[rows] = np.where(known[:, None], after, np.nan)[there]
        self._weigh(ranked, judged, request, known & self.weighed[request])

    def _weigh(self, ranked: Ranked, judged: Ranked, request: LongArray, some: BoolArray) -> None:
        items, _, there = self.drawn.lists(request)
        places = there.sum(axis=1)
        self.weight[request[some & (places == 0)]] = 1
        some &= countable(ranked.sizes, places) & countable(judged.sizes, places)
        shapes = np.stack([ranked.sizes, judged.sizes, places], axis=1)
        for shape in np.unique(shapes[some], axis=0):
            which = np.flatnonzero(some & (shapes == shape).all(axis=1))
            size, own, length = shape.tolist()
            self.weight[request[which]] = list_weights(
                ranked.take(which).first(size), judged.take(which).first(own), items[which, :length]
            )
