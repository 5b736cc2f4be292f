"""One answer made of two bundles' lists, so that its user judges both (`ranking.interleaving`).

Rules hold in each of the two lists, not in what is made of them: an item may stand lower than its pin says, and more
than a cap allows may be there. What is told of an item is what the first list that has it tells.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from recsys.ranking.interleaving import WAYS, Interleaved
from recsys.ranking.policy import randomness
from recsys.ranking.recommendations import FlagArray, Recommendations
from recsys.schema import IntArray, LongArray
from serving.failures import places
from serving.listed import Listed
from serving.record import AnswerRecord
from serving.reply import Reply
from serving.schemas import Explanation, RankRequest, RecommendRequest
from serving.service import ARMS, Service
from serving.treatment import Treatment

_BITS = 64
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who makes the two rankings of an answer.

    Attributes:
        first, second: they do.
        treatment: with its contest.
    """

    first: Service
    second: Service
    treatment: Treatment

    def answer(self, query: RecommendRequest | RankRequest, ask: Callable[[Service], Listed]) -> Reply:
        """One list of both; the first's alone where the second's cannot be had.

        Args:
            query: what is asked for; it has a name.
            ask: gets the list of one of them.
        """
        one = ask(self.first)
        try:
            other = ask(self.second)
        except Exception as error:
            _LOG.error("A list of one ranking where there should be two: %s", places(error))
            alone = replace(one, asked=one.asked.less(ARMS))
            return self.first.answer(query, replace(self.treatment, contest=None), alone)
        return self._of_both(query, one, other)

    def _of_both(self, query: RecommendRequest | RankRequest, one: Listed, other: Listed) -> Reply:
        assert self.treatment.contest is not None
        joint = _Joint.of(self._named(self.first, one), self._named(self.second, other))
        mixed = WAYS[self.treatment.contest.kind](
            joint.first,
            joint.second,
            k=query.k if isinstance(query, RecommendRequest) else len(joint.ids),
            rng=randomness(self.treatment.seed, query.request_id or ""),
        )
        rows = joint.rows[mixed.item_idx]
        reply = Reply(
            request_id=query.request_id or "",
            as_of=one.asked.as_of,
            bundle=self.first.bundle.digest,
            arm=self.treatment.arm,
            policy=self.treatment.kind,
            degraded=list(dict.fromkeys([*one.degraded, *other.degraded])),
            unknown_items=[name for name in dict.fromkeys(one.asked.unknown) if name in other.asked.unknown],
            ids=joint.ids,
            found=_picked(one.found.items, other.found.items, mixed, rows),
            why=self._reasons(one, other, rows),
        )
        return self.first.logged(AnswerRecord(query=query, reply=reply, treatment=self.treatment, first=mixed.first))

    def _named(self, service: Service, listed: Listed) -> list[str]:
        return service.bundle.catalog.vocabulary.decode(listed.found.items.item_idx)

    def _reasons(self, one: Listed, other: Listed, rows: LongArray) -> list[Explanation]:
        """Of each row of the two lists, one after the other; none where one of them has none."""
        if not all(len(each.found.why) == len(each.found.items.item_idx) for each in (one, other)):
            return []
        why = [*self.first.explained(one.found), *self.second.explained(other.found)]
        return [why[row] for row in rows.tolist()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joint:
    """The items of two lists, by numbers that hold in both.

    Attributes:
        ids: item_id of each number.
        first, second: int32, the lists.
        rows: int64, where each number stands in the first list followed by the second, in the first where in both.
    """

    ids: list[str]
    first: IntArray
    second: IntArray
    rows: LongArray

    @classmethod
    def of(cls, one: list[str], other: list[str]) -> "_Joint":
        number = {item_id: n for n, item_id in enumerate(dict.fromkeys([*one, *other]))}
        first, second = (np.array([number[item_id] for item_id in each], np.int32) for each in (one, other))
        rows = np.zeros(len(number), np.int64)
        rows[second] = len(first) + np.arange(len(second))
        rows[first] = np.arange(len(first))
        return cls(ids=list(number), first=first, second=second, rows=rows)


def _picked(one: Recommendations, other: Recommendations, mixed: Interleaved, rows: LongArray) -> Recommendations:
    """The list, each place with what the given row of the two lists tells."""
    both = Recommendations.concat([one, other])
    moved = [_moved(each) for each in (one, other)]
    names = tuple(dict.fromkeys(chain(*moved)))[:_BITS]
    rules = np.concatenate([_renamed(each, names) for each in (one, other)])
    return replace(
        both,
        indptr=np.array([0, len(mixed)], np.int64),
        item_idx=mixed.item_idx,
        score=both.score[rows],
        interest=both.interest[rows],
        probability=both.probability[rows],
        propensity=mixed.propensity.astype(np.float32),
        sources=both.sources[rows],
        rules=rules[rows],
        rule_names=names,
    )


def _moved(items: Recommendations) -> list[str]:
    """What the rules are called that moved an item."""
    any_ = int(np.bitwise_or.reduce(items.rules, initial=0))
    return [name for bit, name in enumerate(items.rule_names) if any_ >> bit & 1]


def _renamed(items: Recommendations, names: tuple[str, ...]) -> FlagArray:
    """The bits of an item's rules, each where its name is."""
    found = np.zeros(len(items.rules), np.uint64)
    for bit, name in enumerate(items.rule_names):
        if name in names:
            found |= (items.rules >> np.uint64(bit) & np.uint64(1)) << np.uint64(names.index(name))
    return found
