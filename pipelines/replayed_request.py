"""One request of a log, asked of a bundle again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.ranking.config import PolicyConfig
from recsys.ranking.likelihood import Likelihood, likelihood
from recsys.ranking.policy import EpsilonGreedy, Exploration, Policy, policy, randomness
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.recommender import Recommender
from recsys.schema import BoolArray, DoubleArray, IntArray
from serving.schemas import Query, RecommendRequest
from serving.service import Service

DRAWS = 4
"""Lists of the bundle that what it would earn, by a model, is the mean of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a model of rewards says of one answer's items: looked · values of what stands at a place.

    Attributes:
        item_ids: items it knows.
        values: float64, of each.
        others: of any other.
        looked: float64, of the first places; beyond, the last one's.
    """

    item_ids: Sequence[str]
    values: DoubleArray
    others: float
    looked: DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One answer's request, asked of the bundle.

    Attributes:
        request_id: its name.
        way: who answers.
        found: the candidates, in one row.
        draws: who has the last word.
        k: how many items were asked for; None where all were to be put in order.
        listed: int32 (places,), the answer's items, -1 where the catalogue does not know one.
        drawn_from: bool (1, n_items), or None where that is unknown.
    """

    request_id: str
    way: Recommender
    found: Scored
    draws: Policy
    k: int | None
    listed: IntArray
    drawn_from: BoolArray | None

    @classmethod
    def of(cls, service: Service, row: dict[str, Any], explores: PolicyConfig | None) -> "Request":
        """Its items are all that an answer to /v1/rank was asked to order."""
        request, way = json.loads(row["request"]), service.bundle.recommender
        ids = service.bundle.catalog.vocabulary
        listed = ids.encode(row["item_id"])
        told = row["drawn_from"]
        drawn_from = None if told is None else _among(ids.encode(told), len(ids))[None]
        last_word = explores or PolicyConfig(kind=row["policy"], **json.loads(row["params"]))
        draws = policy(last_word) or EpsilonGreedy(epsilon=0)
        query = {"user_id": row["user_id"]} | {name: request.get(name) for name in ("exclude_seen", "filters")}
        if request["kind"] == "rank":
            asked = service.asked(Query(**query))
            found = way.scored_items(asked.histories, [listed[listed >= 0]], as_of=asked.as_of)
        else:
            asked = service.asked(RecommendRequest(k=request["k"], **query))
            exploration = Exploration(policy=draws, sources=(), besides=None if drawn_from is None else drawn_from[0])
            found = asked.scored(way, exploration=exploration)
        return cls(
            request_id=row["request_id"],
            way=way,
            found=found,
            draws=draws,
            k=request.get("k"),
            listed=listed,
            drawn_from=drawn_from,
        )

    def likelihood(self) -> Likelihood:
        """Of the answer."""
        return likelihood(
            self.found,
            self.way.snapshot.rules,
            self.way.vectors.vectors,
            self.draws,
            indptr=np.array([0, len(self.listed)], np.int64),
            item_idx=self.listed,
            k=[self.k],
            drawn_from=self.drawn_from,
        )

    def value(self, worth: Worth) -> float:
        """What lists of the bundle earn, the mean of DRAWS."""
        ids = self.way.catalog.vocabulary
        each, known = np.full(len(ids), worth.others), ids.encode(worth.item_ids)
        each[known[known >= 0]] = worth.values[known >= 0]
        return float(np.mean([self._earned(draw, each, worth.looked) for draw in range(DRAWS)]))

    def _earned(self, draw: int, each: DoubleArray, looked: DoubleArray) -> float:
        exploration = Exploration(policy=self.draws, sources=[randomness(draw, self.request_id)])
        rules, vectors = self.way.snapshot.rules, self.way.vectors.vectors
        items = select(self.found, rules, vectors, k=self.k, exploration=exploration).item_idx
        return float(looked[np.minimum(np.arange(len(items)), len(looked) - 1)] @ each[items])


def told_of(request: str | None) -> bool:
    """Whether the log tells what was asked, as the service writes it."""
    try:
        found = json.loads(request or "")
    except json.JSONDecodeError:
        return False
    return isinstance(found, dict) and (found.get("kind") == "rank" or isinstance(found.get("k"), int))


def _among(items: IntArray, n_items: int) -> BoolArray:
    """Bool (n_items,), True for these; -1 is nobody."""
    some = np.zeros(n_items, np.bool_)
    some[items[items >= 0]] = True
    return some
