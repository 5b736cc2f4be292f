"""What answers are made of when a part fails: rungs, from everything down to what is popular."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.ranking.explanation import Explanation
from recsys.recommender import Recommendations, Recommender
from recsys.retrieval.candidates import SOURCES
from recsys.schema import IntArray
from serving.failures import places

RANKER = "ranker"
"""The ranker fails: items stand by the places that the sources give them (reciprocal rank fusion)."""

ENCODER = "encoder"
"""The texts' vectors cannot be used: behaviour and words propose, and the order knows of no interest."""

BEHAVIOUR = "behaviour"
"""Nothing personal can be used: what is popular comes first."""

DEADLINE = "deadline"
"""There is no time to score all candidates: the best by the sources' places are, or none."""

FEW = 100
"""Candidates of a user that are scored where time is short."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One user's list.

    Attributes:
        items: the list.
        why: of each item; empty where nobody asked, or nobody can say.
        without: names of what could not be used.
    """

    items: Recommendations
    why: Sequence[Explanation]
    without: list[str]


def climbed(
    recommender: Recommender,
    ask: Callable[[Recommender], Recommendations],
    explain: Callable[[Recommender, IntArray], Sequence[Explanation]] | None,
    *,
    among: Callable[[], IntArray],
    k: int,
) -> Found:
    """What the highest rung says that holds.

    Args:
        recommender: with everything.
        ask: gets one user's list from a recommender.
        explain: gets the reasons for items from a recommender that has a ranker; None where nobody asks for them.
        among: int32 (m,), the items that may be in the list; asked for where no recommender answers.
        k: length of the list then.
    """
    for names, way in _ways(recommender):
        try:
            items = ask(way)
            why: Sequence[Explanation] = ()
            if explain is not None and way.ranker is not None:
                why = explain(way, items.item_idx)
                way.lap("explain")
        except Exception as error:
            _LOG.error("No answer without %s: %s", " and ".join(names) or "any loss", places(error))
        else:
            return Found(items=items, why=why, without=names)
    return popular(recommender, among(), k=k)


def hasty(recommender: Recommender) -> Recommender:
    """The same with FEW candidates."""
    snapshot = recommender.snapshot
    config = snapshot.retriever.config.model_copy(update={"most": FEW})
    return replace(recommender, snapshot=replace(snapshot, retriever=replace(snapshot.retriever, config=config)))


def _ways(recommender: Recommender) -> Iterator[tuple[list[str], Recommender]]:
    yield [], recommender
    yield [RANKER], replace(recommender, ranker=None)
    snapshot, retriever = recommender.snapshot, recommender.retriever
    mute = replace(snapshot, retriever=replace(retriever, interest=retriever.interest.muted()))
    yield [ENCODER], replace(recommender, snapshot=mute)
    yield [RANKER, ENCODER], replace(recommender, snapshot=mute, ranker=None)


def popular(recommender: Recommender, items: IntArray, *, k: int) -> Found:
    """The last rung: at most k of the items, the most popular first, of equally popular ones the first by item_idx."""
    score = recommender.retriever.behaviour.popularity[items].astype(np.float32)
    order = np.lexsort((items, -score))[:k]
    n = len(order)
    found = Recommendations(
        indptr=np.array([0, n], np.int64),
        item_idx=items[order],
        score=score[order],
        interest=np.zeros(n, np.float32),
        probability=np.full(n, np.nan, np.float32),
        propensity=np.ones(n, np.float32),
        sources=np.full(n, 1 << SOURCES.index("popular"), np.uint16),
        rules=np.zeros(n, np.uint64),
    )
    return Found(items=found, why=(), without=[RANKER, ENCODER, BEHAVIOUR])
