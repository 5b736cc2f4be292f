"""Each sentence appears where its share is reached, and not below; a log as it should be gets one, on its target."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys.data.advice import advice
from recsys.data.config import DataConfig, QualityConfig, SplitConfig
from recsys.data.prepare import prepare
from recsys.data.quality import clean, sift
from recsys.data.raw_log import RawLog

START = datetime(2024, 1, 1, tzinfo=UTC)
USERS, ITEMS, EACH = 300, 100, 5


def shop() -> tuple[pl.DataFrame, pl.DataFrame]:
    """300 users who take 5 of 100 items each, at odd times, nothing twice; all are there at the end."""
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{item}", "purchase", START + timedelta(seconds=int(rng.integers(86_400)), days=number * 30))
        for user in range(USERS)
        for number, item in enumerate(rng.choice(ITEMS, EACH, replace=False))
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "timestamp"], orient="row")
    items = pl.DataFrame({"item_id": [f"i{item}" for item in range(ITEMS)]}).with_columns(
        title=pl.format("thing {}", "item_id")
    )
    return items, events


def told(items: pl.DataFrame, events: pl.DataFrame, split: SplitConfig | None = None) -> tuple[str, ...]:
    log = clean(RawLog(items=items, events=events), QualityConfig())
    return advice(log, *prepare(log, data=DataConfig()), split=split or SplitConfig(encoder_end=0.7, ranker_end=0.8))


def with_first(items: pl.DataFrame, n: int, title: str | None) -> pl.DataFrame:
    changed = pl.when(pl.int_range(pl.len()) < n).then(pl.lit(title)).otherwise("title")
    return items.with_columns(title=changed)


def test_a_log_as_it_should_be_hears_of_its_target_alone() -> None:
    assert told(*shop()) == (
        "0% of what users took they had taken before in the same way: task.target=new fits where that is rare.",
    )


@pytest.mark.parametrize(
    ("n", "title", "sentence"),
    [
        (20, None, "20% of the items have no text"),
        (10, "one and the same", "10% of the items have the very text of another"),
        (20, "红茶绿茶花茶红茶绿茶", "of the letters are not Latin"),
    ],
)
def test_texts(n: int, title: str | None, sentence: str) -> None:
    items, events = shop()
    assert sentence in "\n".join(told(with_first(items, n, title), events))
    assert sentence not in "\n".join(told(with_first(items, n // 2, title), events))


@pytest.mark.parametrize(("n", "told_of"), [(15, False), (16, True), (1500, True)])
def test_times_in_a_form_of_their_own(n: int, told_of: bool) -> None:
    items, events = shop()
    text = events.with_columns(timestamp=pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    odd = pl.col("timestamp").str.replace(r"^(\d+)-", "${1}年")
    log = sift(
        RawLog(
            items=items,
            events=text.with_columns(
                pl.when(pl.int_range(pl.len()) < n).then(odd).otherwise("timestamp").alias("timestamp")
            ),
        )
    )
    sentence = f"{n} rows have a time that cannot be read; if that is its form, name it in data.mapping.time_format"
    found = advice(log, *prepare(log, data=DataConfig()), split=SplitConfig(encoder_end=0.7, ranker_end=0.8))
    assert any(each.startswith(sentence) for each in found) == told_of


def test_dates_without_a_time_of_day() -> None:
    items, events = shop()
    sentence = "The timestamps are dates without a time of day"
    assert not any(sentence in one for one in told(items, events))
    days = events.with_columns(pl.col("timestamp").dt.truncate("1d"))
    assert any(sentence in one for one in told(items, days))


def test_events_exported_twice() -> None:
    items, events = shop()
    assert any("5% of the events stand in the log more" in one for one in told(items, pl.concat([events, events[:79]])))
    assert not any("stand in the log more" in one for one in told(items, pl.concat([events, events[:60]])))


def test_items_made_after_they_were_sold() -> None:
    items, events = shop()
    late = items.with_columns(created_at=pl.lit(START + timedelta(days=15)))
    # the first of five purchases of each user fell on the first day
    assert any("20% of the events happened before the created_at" in one for one in told(late, events))
    early = items.with_columns(created_at=pl.lit(START - timedelta(days=1)))
    assert not any("created_at" in one for one in told(early, events))


def test_one_user_who_is_a_till() -> None:
    items, events = shop()
    till = pl.when(pl.int_range(pl.len()) % 10 == 0).then(pl.lit("till")).otherwise("user_id").alias("user_id")
    assert any("of the events are of the one user 'till'" in one for one in told(items, events.with_columns(till)))


def test_buying_again_asks_for_the_target_all() -> None:
    items, events = shop()
    again = events.with_columns(pl.col("timestamp") + timedelta(hours=25))
    assert any(
        "50% of what users" in one and "task.target=all" in one for one in told(items, pl.concat([events, again]))
    )


def test_a_click_before_a_purchase_is_no_repeat() -> None:
    items, events = shop()
    clicks = events.with_columns(pl.col("timestamp") - timedelta(minutes=5), event=pl.lit("click"))
    assert any(one.startswith("0% of what users took") for one in told(items, pl.concat([clicks, events])))


def test_too_few_judges() -> None:
    items, events = shop()
    few = events.filter(pl.col("user_id").str.slice(1).cast(pl.Int32) < 150)
    found = [one for one in told(items, few) if one.startswith("Only ")]
    assert len(found) == 1
    assert "Only 150 users took something from 80% of the log on" in found[0]


def test_a_log_that_cannot_be_cut_says_so() -> None:
    items, events = shop()
    at_once = events.with_columns(timestamp=pl.lit(START + timedelta(seconds=5)))
    assert any(one.startswith("Expected positive events spread over time") for one in told(items, at_once))
