"""A judged ranker that is told by the scores it gives to its candidates of each request."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.drawn import Drawn
from recsys.evaluation.off_policy.told.earned import earned
from recsys.evaluation.off_policy.told.followed import followed
from recsys.evaluation.off_policy.told.names import Names
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.evaluation.off_policy.told.sheet import Sheet, requests_of, sheets
from recsys.evaluation.off_policy.told.single import one_place, single_places
from recsys.evaluation.off_policy.told.unordered import Unordered
from recsys.evaluation.off_policy.told.ways import Ways
from recsys.ranking.config import PolicyConfig
from recsys.schema import DoubleArray, IntArray, LongArray

BLOCK = 200_000
"""Candidates that are worked on at once: their matrices stay in cache."""


def by_scores(
    file: Path, logged: Logged, *, explores: PolicyConfig | None, worths: Worths | None, seed: int = 0
) -> Target | None:
    """What lists drawn from the scores would be like, each as long as the logged one, without rules.

    A score is worth what the service makes of it (`ranking.relevance`). A request is unknown that the file has not.

    Args:
        file: with the columns of `sheet.SCORES`.
        logged: the log.
        explores: who draws; None: who drew each logged list.
        worths: of items, by a reward model; None without one.
        seed: of draws, and of the choice of requests whose marginals are worked out.

    Returns:
        None where file and log have no request in common.

    Raises:
        ArtifactError, SchemaError: as `sheet.requests_of` and `sheet.sheets`, or a logged policy that is unknown.
    """
    request = requests_of(file, Names.of(logged.request_id))
    told = request[request >= 0]
    if not len(told):
        return None
    ways = Ways.of(logged) if explores is None else Ways.alone(explores, len(logged))
    drawn = Drawn.of(logged, Ways.of(logged) if len(logged.candidates) else ways)
    work = _Work(
        drawn=drawn,
        ways=ways,
        worths=worths,
        seed=seed,
        unordered=None if one_place(logged) else Unordered.of(drawn, told, seed=seed),
        probability=np.full(len(logged.propensity), np.nan),
        outside=np.full(len(logged), np.nan),
        value=np.full(len(logged), np.nan),
    )
    for sheet in sheets(file, request, Names.of(logged.item.names)):
        for which in _blocks(sheet, ways.which[sheet.request]):
            work.done(sheet, which)
    return work.target()


def _blocks(sheet: Sheet, way: IntArray) -> Iterator[LongArray]:
    """Lists of candidates of one way and of similar length."""
    sizes = np.diff(sheet.indptr)
    order = np.lexsort((sizes, way))
    for same in np.split(order, np.flatnonzero(np.diff(way[order])) + 1):
        start = 0
        while start < len(same):
            cells = np.maximum(sizes[same[start : start + BLOCK]], 1) * np.arange(
                1, len(same[start : start + BLOCK]) + 1
            )
            end = start + max(1, int(np.searchsorted(cells, BLOCK, side="right")))
            yield same[start:end]
            start = end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A target in the making; arrays as `Target` has them, NaN where nothing is known yet."""

    drawn: Drawn
    ways: Ways
    worths: Worths | None
    seed: int
    unordered: Unordered | None
    probability: DoubleArray
    outside: DoubleArray
    value: DoubleArray

    def done(self, sheet: Sheet, which: LongArray) -> None:
        """Some of the lists of a sheet, all of one way."""
        request = sheet.request[which]
        policy = self.ways.policies[int(self.ways.which[request[0]])]
        ranked = Ranked.of(policy, sheet.indptr, which, sheet.item, sheet.score)
        items, rows, there = self.drawn.lists(request)
        at, length, entry = ranked.place(items), there.sum(axis=1), self.drawn.entries(request, ranked.item)
        chance, outside = followed(ranked, at, length, ranked.there & (entry < 0))
        self.probability[rows] = chance[there]
        self.outside[request] = np.where(self.drawn.told[request] >= 0, outside, np.nan)
        if self.worths is not None:
            self.value[request] = self._earned(self.worths, ranked, request, entry, length)
        if self.unordered is not None:
            self.unordered.done(ranked, request)

    def _earned(
        self, worths: Worths, ranked: Ranked, request: LongArray, entry: LongArray, length: LongArray
    ) -> DoubleArray:
        """Nothing is drawn where all items are worth the same, as where no candidates were logged."""
        others, looked = worths.others[request], worths.looked[request]
        filled = np.arange(looked.shape[1]) < np.minimum(length, ranked.sizes)[:, None]
        value = others * (looked * filled).sum(axis=1)
        some = np.flatnonzero((entry >= 0).any(axis=1))
        each = np.append(worths.each, 0.0)[entry[some]]
        worth = np.where(entry[some] >= 0, each, others[some, None])
        value[some] = earned(
            ranked.take(some), worth, looked[some], length[some], seed=self.seed, request=request[some]
        )
        return np.asarray(value, np.float64)

    def target(self) -> Target:
        """All that is known."""
        unordered = self.unordered
        marginal, pseudo = (
            single_places(self.drawn.logged, self.probability)
            if unordered is None
            else (unordered.marginal, unordered.pseudo)
        )
        return Target(
            probability=self.probability,
            outside=self.outside,
            value=None if self.worths is None else self.value,
            marginal=marginal,
            pseudo=pseudo,
        )
