"""Policy logs written by hand: a minute between answers, two places, one click that is known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, FEATURES, PolicyLog

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = 1_800_000_000_000_000
"""An instant in 2027: every window is closed."""


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def answer(name: str, minute: float, *items: str, **more: object) -> list[dict]:
    """The rows of one answer; `propensity` may be a list, one of each row."""
    common = {"request_id": name, "at": at(minute), "user_id": f"u-{name}", "arm": "a", "bundle": "aaa", "seed": 7}
    common |= {"policy": "plackett_luce", "params": '{"temperature":0.1}', "degraded": [], "request": "{}"}
    rows = [
        common | {"item_id": item, "position": place, "propensity": 1 / (1 + place), "score": 1 / place} | more
        for place, item in enumerate(items, 1)
    ]
    return rows or [common | {"item_id": None, "position": None, "propensity": None, "score": None} | more]


def event(name: str, item: str, minute: float, **more: object) -> dict:
    told = {"event_id": f"{name} {item} {minute}", "user_id": f"u-{name}", "item_id": item, "event": "click"}
    return told | {"timestamp": at(minute), "value": None, "request_id": name} | more


def log(answers: Sequence[list[dict]], events: Sequence[dict] = (), candidates: Sequence[dict] = ()) -> PolicyLog:
    rows = [row for each in answers for row in each]
    return PolicyLog(
        answers=pl.LazyFrame(rows, schema=ANSWERS, orient="row"),
        candidates=pl.LazyFrame(list(candidates), schema=CANDIDATES, orient="row"),
        features=pl.LazyFrame(schema=FEATURES),
        events=pl.LazyFrame(list(events), schema=EVENTS, orient="row"),
    )


def many(n: int, **more: object) -> list[list[dict]]:
    """n good answers r0, r1, ..., each of the items x and y."""
    return [answer(f"r{number}", number, "x", "y", **more) for number in range(n)]


GOOD = event("r0", "x", 1)
"""A click on the first item of the first of `many`."""
