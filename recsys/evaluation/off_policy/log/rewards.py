"""What each place of a list earned: the events that name its answer and its item, in time.

An event counts for the place whose answer it names (request_id), if the item stands in that list, its user is the
answer's (a request that told a history has none, so whoever posts it is taken), and at ≤ timestamp < at + window. It
counts once, and for one place: of answers that share a request_id, the last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.wording import of
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.schema import DoubleArray

MAX_EARLY = 0.01
"""Share of the events that fit an answer that may be told to be older than it: beyond, two clocks differ."""

HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """What became of the events of roles that earn; each is counted once, for the first reason that holds.

    Attributes:
        unnamed: they name no answer, or one that is not evaluated, or have no time.
        other_user: of another user than the answer's.
        not_shown: of an item that the answer does not have.
        early: told to have happened before the answer.
        late: after the window.
        without_value: they earn by their value, and have none.
        used: they earn.
    """

    unnamed: int = 0
    other_user: int = 0
    not_shown: int = 0
    early: int = 0
    late: int = 0
    without_value: int = 0
    used: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """Of the m rows of a log's answers.

    Attributes:
        reward: float64 (m,), 0 where nothing came of a row.
        events: the counts.
        negative: used events that earn less than nothing.
        posted: role → events of it in the whole log.
    """

    reward: DoubleArray
    events: EventCounts
    negative: int
    posted: dict[str, int]

    @classmethod
    def of(cls, log: PolicyLog, answers: Answers, config: OffPolicyConfig) -> "Rewards":
        """Join the events to answers whose places and items are distinct."""
        posted = dict(log.events.group_by("event").len().sort("event").collect(engine="streaming").rows())
        found = _placed(_events(log, answers, config), answers)
        outcome = found.select(_outcome(int(config.window_hours * HOUR), config.by_value)).to_series()
        used = found.filter(outcome == "used")
        amounts = used.select(earned(config)).to_series().to_numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            reward = np.bincount(used["row"].to_numpy(), amounts, minlength=len(answers.rows)).astype(np.float64)
        counts = EventCounts(**dict(outcome.value_counts().rows()))
        return cls(reward=reward, events=counts, negative=int((amounts < 0).sum()), posted=posted)

    def refused(self) -> Refusals:
        """What speaks against them."""
        return (*self._values(), *self._early(), *self._none())

    def _values(self) -> Iterator[Refusal]:
        endless = int((~np.isfinite(self.reward)).sum())
        cure = "An estimate would be no number: correct the value of these events, or leave their role out of by_value."
        if endless:
            because = f"{of(endless, len(self.reward), 'rows')} have a reward that is no finite number."
            yield Refusal(name="rewards-not-finite", because=because, cure=cure)
        if self.negative:
            because = f"{of(self.negative, self.events.used, 'events')} earn less than nothing."
            cure = "Intervals expect rewards from 0 up: count what is lost as a role of its own, in another evaluation."
            yield Refusal(name="negative-rewards", because=because, cure=cure)

    def _early(self) -> Iterator[Refusal]:
        some = self.events
        fitting = some.early + some.late + some.without_value + some.used
        if some.early > MAX_EARLY * fitting:
            yield Refusal(
                name="clock-skew",
                because=f"{of(some.early, fitting, 'events')} of an item of their answer are told to be older than it, "
                f"more than {MAX_EARLY:.0%}.",
                cure="Clocks of clients and service differ, so that events in time may be lost, too: set them by one "
                "clock (NTP), or post events without a delay and with the server's time, and log again.",
            )

    def _none(self) -> Iterator[Refusal]:
        if self.events.used:
            return
        some = self.events
        told = ", ".join(f"{role} {n:,}" for role, n in self.posted.items()) or "none"
        yield Refusal(
            name="no-rewards",
            because=f"Nothing was earned: of {some.total:,} events of roles that earn, {some.unnamed:,} name no answer "
            f"that is evaluated, {some.other_user:,} are of another user than it, {some.not_shown:,} of an item not in "
            f"it, {some.early:,} early, {some.late:,} late, {some.without_value:,} without a value.",
            cure=f"Post events with the request_id of their answer, or set rewards to roles that are there ({told}).",
        )


def _events(log: PolicyLog, answers: Answers, config: OffPolicyConfig) -> pl.DataFrame:
    """Events of roles that earn, ids as the same categories as the answers'."""
    words = answers.heads.schema["request_id"]
    return (
        log.events.filter(pl.col("event").is_in(list(config.rewards)))
        .unique("event_id", maintain_order=True)
        .select(
            *[pl.col(name).cast(words) for name in ("request_id", "user_id", "item_id")],
            pl.col("timestamp").to_physical(),
            "event",
            "value",
        )
        .collect(engine="streaming")
    )


def _placed(events: pl.DataFrame, answers: Answers) -> pl.DataFrame:
    """The events with their answer's `at` and `owner`, and their `row`; null where there is none."""
    heads = answers.heads.select("request_id", "at", owner="user_id").with_row_index("answer")
    named = heads.join(events.select("request_id").unique(), on="request_id", how="semi")
    found = events.join(named.unique("request_id", keep="last", maintain_order=True), on="request_id", how="left")
    wanted = np.zeros(len(answers), np.bool_)
    wanted[found["answer"].drop_nulls().to_numpy()] = True
    rows = np.flatnonzero(np.repeat(wanted, answers.sizes))
    places = pl.DataFrame(
        {
            "answer": pl.Series(answers.answer[rows], dtype=pl.UInt32),
            "item_id": answers.rows["item_id"][rows],
            "row": rows,
        }
    )
    return found.join(places, on=["answer", "item_id"], how="left")


def _outcome(window: int, by_value: tuple[str, ...]) -> pl.Expr:
    """The field of `EventCounts` that an event counts for."""
    owner, timestamp, at = pl.col("owner"), pl.col("timestamp"), pl.col("at")
    return (
        pl.when(pl.col("answer").is_null() | timestamp.is_null())
        .then(pl.lit("unnamed"))
        .when(owner.is_not_null() & pl.col("user_id").ne_missing(owner))
        .then(pl.lit("other_user"))
        .when(pl.col("row").is_null())
        .then(pl.lit("not_shown"))
        .when(timestamp < at)
        .then(pl.lit("early"))
        .when(timestamp - at >= window)
        .then(pl.lit("late"))
        .when(pl.col("event").is_in(list(by_value)) & pl.col("value").is_null())
        .then(pl.lit("without_value"))
        .otherwise(pl.lit("used"))
        .alias("outcome")
    )


def earned(config: OffPolicyConfig) -> pl.Expr:
    """f64: what an event of a role that earns is worth, its value counted where that is asked."""
    weight = pl.col("event").replace_strict(config.rewards, return_dtype=pl.Float64)
    return weight * pl.when(pl.col("event").is_in(list(config.by_value))).then(pl.col("value")).otherwise(1.0)
