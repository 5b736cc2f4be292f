"""Weights, cancellations, clock and cut, on logs small enough to check by hand."""

import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.config import DataConfig, QualityConfig, SplitConfig
from recsys.data.interactions import Interactions
from recsys.data.prepare import parse_until, prepare
from recsys.data.quality import CleanLog, sift
from recsys.data.raw_log import RawLog
from recsys.data.split import TimeSplit
from recsys.data.synthetic import make_world
from recsys.errors import SplitError, UsageError
from recsys.schema import DAY, EVENT_CODES, EVENT_WEIGHTS, SECOND

START = datetime(2024, 1, 1, tzinfo=UTC)
ZERO = int(START.timestamp()) * SECOND
Row = tuple[str, str, str, float, float | None]  # user_id, item_id, event, days after START, value


def log_of(rows: list[Row]) -> CleanLog:
    events = pl.DataFrame(
        [(u, i, e, START + timedelta(days=d), v) for u, i, e, d, v in rows],
        schema=["user_id", "item_id", "event", "timestamp", "value"],
        orient="row",
    )
    return sift(RawLog(items=pl.DataFrame({"item_id": ["a", "b", "c"]}), events=events))


def interactions(rows: list[Row], until: int | float | None = None, **data: object) -> Interactions:
    return prepare(log_of(rows), data=DataConfig.model_validate(data), until=until)[1]


def day(n: float) -> int:
    return ZERO + int(n * DAY)


def test_rows_become_indices_codes_and_microseconds() -> None:
    got = interactions([("v", "b", "click", 2, None), ("u", "a", "purchase", 1.5, 9.0)])
    assert got.users.ids == ("u", "v")
    assert got.n_items == 3
    assert got.events.rows() == [
        (0, 0, EVENT_CODES["purchase"], day(1.5), 9.0, 1.0, None, None),
        (1, 1, EVENT_CODES["click"], day(2), None, pytest.approx(0.3), None, None),
    ]


def test_repeats_are_kept() -> None:
    assert len(interactions([("u", "a", "purchase", 1, 2.0)] * 3)) == 3


@pytest.mark.parametrize(("value", "weight"), [(5.0, 1.0), (4.0, 1.0), (3.9, 0.0), (0.5, 0.0), (None, 0.0)])
def test_ratings_below_four_weigh_nothing(value: float | None, weight: float) -> None:
    assert interactions([("u", "a", "rating", 1, value)]).events["weight"].to_list() == [weight]


def test_every_role_has_its_weight_and_settings_change_it() -> None:
    rows: list[Row] = [("u", "a", role, n, 5.0) for n, role in enumerate(EVENT_WEIGHTS)]
    assert interactions(rows).events["weight"].to_list() == pytest.approx(list(EVENT_WEIGHTS.values()))
    heavier = interactions(rows, event_weights={"click": 0.9}).events["weight"].to_list()
    assert heavier == pytest.approx(list((EVENT_WEIGHTS | {"click": 0.9}).values()))


def test_a_return_cancels_the_latest_purchase_before_it() -> None:
    rows: list[Row] = [
        ("u", "a", "purchase", 1, None),
        ("u", "a", "purchase", 2, None),
        ("u", "a", "return", 3, None),
        ("u", "a", "purchase", 4, None),
        ("u", "b", "purchase", 2.5, None),
        ("v", "a", "purchase", 2.6, None),
        ("u", "a", "click", 2.7, None),
    ]
    got = interactions(rows)
    cancelled = got.events.filter(pl.col("until").is_not_null())
    assert cancelled.select("user_idx", "item_idx", "at", "until").rows() == [(0, 0, day(2), day(3))]
    assert len(got.before(day(3))) == 5
    assert len(got.before(day(3) + 1)) == 6 - 1


def test_two_returns_cancel_two_purchases_and_a_third_none() -> None:
    rows: list[Row] = [("u", "a", "purchase", d, None) for d in (1, 2)] + [
        ("u", "a", "return", d, None) for d in (3, 4, 5)
    ]
    assert interactions(rows).events["until"].to_list() == [day(4), day(3), None, None, None]


def test_a_return_before_its_purchase_cancels_nothing() -> None:
    assert (
        interactions([("u", "a", "return", 1, None), ("u", "a", "purchase", 2, None)]).events["until"].null_count() == 2
    )


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("uv"), st.sampled_from("ab"), st.booleans(), st.integers(1, 9)), max_size=20))
def test_cancellations_agree_with_a_ledger(moves: list[tuple[str, str, bool, int]]) -> None:
    rows: list[Row] = [(u, i, "return" if back else "purchase", float(d), None) for u, i, back, d in moves]
    if not rows:
        return
    got = interactions(rows).events
    for (user, item), trades in got.group_by("user_idx", "item_idx"):
        ledger: list[int] = []
        lost = 0
        for event, at in trades.sort("at", "event").select("event", "at").iter_rows():
            if event == EVENT_CODES["purchase"]:
                ledger.append(at)
            elif ledger:
                ledger.pop()
                lost += 1
        standing = trades.filter((pl.col("event") == EVENT_CODES["purchase"]) & pl.col("until").is_null())
        assert (standing["at"].sort().to_list(), trades["until"].count()) == (ledger, lost), (user, item)


STEADY: list[Row] = [("uv"[n % 2], "abc"[n % 3], "click", n / 86_400, None) for n in range(1_001)]


def test_evenly_spaced_timestamps_are_an_order() -> None:
    assert interactions(STEADY).day == 1_000 * SECOND // 365
    assert interactions(STEADY[:500] + STEADY[503:]).day == 1_000 * SECOND // 365  # a few rows rejected
    assert interactions(STEADY, clock="real").day == DAY


def test_uneven_or_equal_timestamps_are_a_clock() -> None:
    uneven: list[Row] = [(u, i, e, d**2, v) for u, i, e, d, v in STEADY]
    assert interactions(uneven).day == DAY
    assert interactions(uneven, clock="order").day == int((1_000 / 86_400) ** 2 * DAY) // 365
    still: list[Row] = [(u, i, e, 1.0, v) for u, i, e, _, v in STEADY]
    assert interactions(still).day == DAY
    assert interactions(still, clock="order").day == 1
    assert interactions(STEADY[:1]).day == DAY


def test_equal_timestamps_cannot_be_split() -> None:
    still: list[Row] = [(u, i, e, 1.0, v) for u, i, e, _, v in STEADY]
    with pytest.raises(SplitError, match="got 1 distinct timestamps in 1001 events"):
        TimeSplit.of(interactions(still), SplitConfig())


def test_until_keeps_what_is_strictly_before() -> None:
    rows: list[Row] = [("u", "a", "purchase", d, None) for d in range(10)] + [("v", "b", "purchase", 9.5, None)]
    got = interactions(rows, until=day(4))
    assert got.events["at"].to_list() == [day(d) for d in range(4)]
    assert got.users.ids == ("u",)


def test_until_as_a_quantile_counts_positive_events_only() -> None:
    rows: list[Row] = [("u", "a", "rating", d, 5.0) for d in range(11)]
    low: list[Row] = [("u", "b", "rating", d + 0.5, 3.0) for d in range(5)]
    got = interactions(rows + low, until=0.7)
    assert got.events["at"].max() == day(6)
    assert len(got) == 7 + 5


def test_the_place_an_item_was_shown_at_is_kept() -> None:
    events = pl.DataFrame(
        {
            "user_id": ["u", "v", "u"],
            "item_id": ["a", "b", "c"],
            "event": ["impression", "click", "click"],
            "timestamp": [START, START + timedelta(days=1), START + timedelta(days=2)],
            "position": ["2", "1", None],
        }
    )
    log = sift(RawLog(items=pl.DataFrame({"item_id": ["a", "b", "c"]}), events=events))
    assert prepare(log, data=DataConfig())[1].events["position"].to_list() == [2, 1, None]
    assert interactions(STEADY).events["position"].null_count() == len(STEADY)


def test_until_hides_a_later_return() -> None:
    rows: list[Row] = [("u", "a", "purchase", 1, None), ("u", "a", "return", 3, None)]
    assert interactions(rows, until=day(2)).events["until"].to_list() == [None]


def test_a_cut_before_the_log_is_refused() -> None:
    with pytest.raises(SplitError, match=r"the first is at 2024-01-02 00:00:00\+00:00; choose a later --until"):
        interactions([("u", "a", "click", 1, None)], until=ZERO)
    with pytest.raises(SplitError, match="Expected positive events to cut the log at a quantile of, found none"):
        interactions([("u", "a", "impression", 1, None)], until=0.5)


def test_a_world_comes_through_whole() -> None:
    world = make_world(n_users=10, n_items=12)
    log = sift(RawLog(items=world.items, events=world.events))
    assert QualityConfig().max_reject_fraction >= log.rejected("events") == 0
    catalog, got = prepare(log, data=DataConfig())
    assert (len(catalog), len(got), got.day) == (12, len(world.events), DAY)
    assert catalog.texts[0].startswith(str(world.items["title"][0]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.9", 0.9),
        ("2024-01-01", ZERO),
        ("2024-01-01T01:00+01:00", ZERO),
        ("2024-01-01 00:00:00.5Z", ZERO + SECOND // 2),
    ],
)
def test_until_is_read_as_a_quantile_or_a_time(text: str, value: float) -> None:
    assert parse_until(text) == value
    assert type(parse_until(text)) is type(value)


def test_until_without_a_zone_is_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_until("2024-01-01") == ZERO
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "soon", "1.5", "0", "1"])
def test_until_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="Expected --until as a quantile between 0 and 1 or a time"):
        parse_until(text)
