"""What was played, as the service would have logged it."""

import numpy as np
import polars as pl

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, FEATURES, PolicyLog
from recsys.errors import ShapeError
from recsys.evaluation.simulation.played import Played
from recsys.evaluation.simulation.policies import Valued
from recsys.ranking.policy import PlackettLuce
from recsys.schema import Instant

MINUTE = 60_000_000
"""Microseconds from one answer to the next."""


def written(played: Played, policy: Valued, *, start: Instant) -> PolicyLog:
    """The log: "u7" is user 7, "i3" item 3, every item a candidate of every list, every click an event at once.

    The service draws by scores that it stretches to run from 0 to 1 over the candidates: who wants the propensities to
    follow from the scores as they are logged plays values that do so for every kind of user.

    Args:
        played: requests, lists and clicks.
        policy: who was played; Plackett-Luce.
        start: of the first answer; the others follow, one a `MINUTE`.

    Raises:
        ShapeError: a policy that the log has no name for.
    """
    if not isinstance(policy.policy, PlackettLuce):
        raise ShapeError(f"Expected a log of Plackett-Luce, got one of {type(policy.policy).__name__}; play that one.")
    heads = _heads(played, start)
    answers = _answers(played, policy, heads, f'{{"temperature":{policy.policy.temperature!r}}}')
    tables = {
        "answers": (answers, ANSWERS),
        "candidates": (_candidates(played, policy, heads), CANDIDATES),
        "events": (_events(answers.filter(played.flat(played.reward) > 0)), EVENTS),
    }
    return PolicyLog(
        **{name: frame.select(*schema).cast(pl.Schema(schema)).lazy() for name, (frame, schema) in tables.items()},
        features=pl.LazyFrame(schema=FEATURES),
    )


def _heads(played: Played, start: Instant) -> pl.DataFrame:
    request = pl.int_range(len(played.user), eager=True)
    return pl.select(
        request_id=pl.format("r{}", request),
        at=start + MINUTE * request,
        user_id=pl.format("u{}", pl.Series(played.user)),
    )


def _answers(played: Played, policy: Valued, heads: pl.DataFrame, params: str) -> pl.DataFrame:
    row, place = np.nonzero(played.item >= 0)
    item = played.item[row, place]
    return heads[row].with_columns(
        item_id=pl.format("i{}", pl.Series(item)),
        position=pl.Series(place + 1),
        propensity=pl.Series(played.propensity[row, place]),
        score=pl.Series(policy.value[played.kind[row], item]),
        arm=pl.lit("a"),
        bundle=pl.lit("simulated"),
        policy=pl.lit("plackett_luce"),
        params=pl.lit(params),
        seed=pl.lit(0),
        degraded=pl.lit([], dtype=ANSWERS["degraded"]),
        request=pl.lit(f'{{"kind":"recommend","k":{policy.positions}}}'),
        first=pl.lit(None),
    )


def _candidates(played: Played, policy: Valued, heads: pl.DataFrame) -> pl.DataFrame:
    order = np.argsort(-policy.value, axis=1, kind="stable")
    items = [[f"i{item}" for item in items] for items in order.tolist()]
    scores = np.take_along_axis(policy.value, order, axis=1).tolist()
    kinds = pl.DataFrame({"item_ids": items, "scores": scores})
    return pl.concat([heads, kinds[played.kind]], how="horizontal")


def _events(clicked: pl.DataFrame) -> pl.DataFrame:
    return clicked.select(
        "user_id",
        "item_id",
        "request_id",
        event_id=pl.format("{} {}", "request_id", "item_id"),
        event=pl.lit("click"),
        timestamp="at",
        value=pl.lit(None),
        posted="at",
    )
