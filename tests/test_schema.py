"""Names agree with each other and with the contract of the input."""

import polars as pl

from recsys.schema import (
    DAY,
    EVENT_CODES,
    EVENT_COLUMNS,
    EVENT_WEIGHTS,
    EVENTS,
    ITEM_COLUMNS,
    SECOND,
)


def test_roles_are_those_of_the_contract_and_their_codes_are_dense() -> None:
    contract = "impression view click share comment like cart purchase play rating dislike return"
    assert " ".join(EVENTS) == contract
    assert [EVENT_CODES[role] for role in EVENTS] == list(range(12))


def test_what_says_no_weighs_nothing_and_a_purchase_most() -> None:
    nothing = {role for role, weight in EVENT_WEIGHTS.items() if weight == 0}
    assert nothing == {"impression", "dislike", "return"}
    assert max(EVENT_WEIGHTS.values()) == EVENT_WEIGHTS["purchase"] > EVENT_WEIGHTS["click"] > EVENT_WEIGHTS["view"]


def test_a_day_has_86400_seconds_of_a_million_microseconds() -> None:
    assert DAY == 24 * 60 * 60 * SECOND == 86_400 * 10**6


def test_columns_are_typed_and_times_are_utc() -> None:
    tables = {**ITEM_COLUMNS, **EVENT_COLUMNS}
    times = {c for c, t in tables.items() if t == pl.Datetime("us", "UTC")}
    assert times == {"created_at", "available_from", "available_until", "timestamp"}
