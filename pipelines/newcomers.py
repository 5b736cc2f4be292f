"""Users who have just come: how good their lists are by how many events they have left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from pipelines import lists
from pipelines.baselines import Baselines
from pipelines.console import err
from pipelines.parts import Parts
from recsys.data.interactions import Histories, Interactions
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate, compare, estimate
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.segments import OVERALL
from recsys.ranking.ranker import Ranker
from recsys.ranking.rules import available
from recsys.schema import IntArray, LongArray

FOLDS = 5
"""The users are newcomers in so many parts, one after the other: all others stay in the log."""

METRIC, SECOND_METRIC, K = "ndcg@10", "recall@20", 20

Who: TypeAlias = Literal["recsys", "popularity"]
WHO: tuple[Who, ...] = ("recsys", "popularity")
Lists: TypeAlias = dict[tuple[int | None, Who], IntArray]
"""(events shown, who recommends) → int32 (n, K), the users' lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Lists of users of whom little is known.

    Attributes:
        events: how many of their positive events were shown; None for all.
        method: who recommends.
        ndcg: nDCG@10.
        recall: recall@20.
        ahead: nDCG@10 of recsys - that of the method, paired; None for recsys itself.
    """

    events: int | None
    method: Who
    ndcg: Estimate
    recall: Estimate
    ahead: Difference | None


def rows(parts: Parts, ranker: Ranker, *, events: Sequence[int], config: EvaluationConfig) -> Iterator[Row]:
    """The same users with more and more events, then with all they had.

    The users have at least the largest of `events` before ranker_end. Their own events are not in the log that counters
    and behavioural models are fitted on, as those of a newcomer would not be; encoder and ranker are the run's.

    Args:
        parts: of a run.
        ranker: its ranker.
        events: how many events are shown, ascending.
        config: how many users are judged, and the resamples.

    Raises:
        UsageError: nobody has so many events.
        SplitError: none of them took anything in the test window.
    """
    exam = parts.exam(_users(parts, max(events)), config.model_copy(update={"lengths": (10, K)}))
    made = _lists(parts, ranker, exam.user_idx, (*events, None))
    graded = {key: exam.grade(rows).per_user[OVERALL] for key, rows in made.items()}
    sampling = {"samples": config.samples, "seed": config.seed}
    for (shown, method), frame in graded.items():
        ahead = None if method == "recsys" else compare(graded[shown, "recsys"], frame, METRIC, **sampling)
        ndcg, recall = (estimate(frame, metric, **sampling) for metric in (METRIC, SECOND_METRIC))
        yield Row(events=shown, method=method, ndcg=ndcg, recall=recall, ahead=ahead)


def beginnings(histories: Histories, n: int) -> Histories:
    """The first n positive events of each user, as if the user had come only lately.

    They are moved in time, all of a user's by the same, so that the last of them lies where the user's last one lay.
    Every user has at least n.
    """
    if n == 0:
        return Histories.empty(len(histories))
    taken = histories.positives()
    shown = taken.where(np.arange(len(taken.item_idx)) - taken.indptr[taken.rows] < n)
    later = taken.at[taken.indptr[1:] - 1] - shown.at[shown.indptr[1:] - 1]
    return replace(shown, at=shown.at + later[shown.rows])


def without(interactions: Interactions, user_idx: IntArray) -> Interactions:
    """The log without these users' events."""
    return replace(interactions, events=interactions.events.filter(~pl.col("user_idx").is_in(user_idx.tolist())))


def _users(parts: Parts, most: int) -> IntArray:
    """int32, ascending: users with so many positive events before ranker_end."""
    known = parts.interactions.before(parts.split.ranker_end)
    counts = np.bincount(known.positives().events["user_idx"].to_numpy(), minlength=len(known.users))
    users = np.flatnonzero(counts >= most).astype(np.int32)
    users = users[np.isin(users, known.user_indices())]
    if not len(users):
        raise UsageError(
            f"Expected users with {most} positive events before ranker_end, the largest of --events, got none; "
            "ask for fewer."
        )
    return users


def _lists(parts: Parts, ranker: Ranker, user_idx: IntArray, events: Sequence[int | None]) -> Lists:
    n = len(user_idx)
    made: Lists = {(shown, who): np.full((n, K), -1, np.int32) for shown in events for who in WHO}
    histories = parts.interactions.histories(user_idx, as_of=parts.split.ranker_end)
    fold = np.random.default_rng(parts.config.seed).permutation(n) % FOLDS
    folds = min(FOLDS, n)
    for number in range(folds):
        err.print(f"  newcomers, part {number + 1} of {folds}", markup=False)
        rows = np.flatnonzero(fold == number)
        others = replace(parts, interactions=without(parts.interactions, user_idx[rows]))
        _recommend(made, rows, histories.take(rows), others, ranker)
    return made


def _recommend(made: Lists, rows: LongArray, histories: Histories, parts: Parts, ranker: Ranker) -> None:
    """Fill in the lists of these rows of users."""
    as_of, target = parts.split.ranker_end, parts.config.target
    recommender = parts.assemble(as_of=as_of, ranker=ranker)
    sold = available(parts.catalog, as_of=as_of)
    for (events, method), table in made.items():
        shown = histories if events is None else beginnings(histories, events)
        if method == "recsys":
            found = recommender.recommend(shown, k=K, as_of=as_of)
            table[rows] = lists.matrix(found, np.arange(len(rows)), K)
        else:
            simple = Baselines(histories=shown, as_of=as_of, target=target, available=sold, k=K)
            table[rows] = simple.popularity(recommender.retriever.behaviour)
