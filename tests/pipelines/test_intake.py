"""A night's input: the shop's events and the log's, each once; what is broken is set aside, or too much."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipelines.intake import QUARANTINE, Rule, take, told
from recsys.artifacts import verify
from recsys.data.config import QualityConfig
from recsys.data.formats import read_directory
from recsys.data.policy_log import ANSWERS, EVENTS
from recsys.data.quality import sift
from recsys.data.raw_log import RawLog
from recsys.errors import ArtifactError, QualityError
from recsys.schema import instant_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = instant_of(NOON + timedelta(days=1))


def shop():
    """Two users, two items, four purchases."""
    rows = [
        (user, item, "purchase", NOON + timedelta(hours=n)) for n, (user, item) in enumerate(("ax", "by", "ay", "bx"))
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "timestamp"], orient="row")
    items = pl.DataFrame({"item_id": ["x", "y"], "title": ["red mug", "blue mug"]})
    return RawLog(items=items, events=events, filtered={"cancellation": 3})


def event(number, *, user="a", item="x", role="click", at=None, posted=0):
    at = NOON + timedelta(minutes=number) if at is None else at
    return (f"e{number}", user, item, role, at, None, None, NOON + timedelta(minutes=posted))


def post(log, name, *rows):
    for table in ("answers", "events"):
        (log / table).mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=EVENTS, orient="row").write_parquet(log / "events" / f"{name}.parquet")


def taken(folder, *, since=None, limit=0.05, now=NOW):
    rule = Rule(quality=QualityConfig(max_reject_fraction=limit), now=now, told=since)
    return take(shop(), folder / "log", rule, root=folder / "inputs")


def test_without_a_log_it_is_the_shop(tmp_path):
    made = taken(tmp_path)
    verify(made, kind="input")
    assert told(made) is None
    clean = sift(read_directory(made))
    assert clean.events.height == 4
    assert clean.filtered == {"cancellation": 3}
    assert take(shop(), None, Rule(quality=QualityConfig(), now=NOW, told=None), root=tmp_path / "inputs") == made


def test_each_event_counts_once_whoever_tells_it(tmp_path):
    post(tmp_path / "log", "a", event(1), event(2))
    post(tmp_path / "log", "b", event(2), event(3, role="purchase", at=NOON), event(4, at=NOON, role="view", posted=9))
    made = taken(tmp_path)
    found = sift(read_directory(made)).events
    assert found.group_by("event").len().sort("event").rows() == [("click", 2), ("purchase", 4), ("view", 1)]
    assert told(made) == instant_of(NOON + timedelta(minutes=9))


def test_the_place_an_item_was_shown_at_is_kept(tmp_path):
    post(tmp_path / "log", "a", (*event(1)[:6], "r1", NOON))
    place = {"request_id": ["r1"], "at": [NOON], "item_id": ["x"], "position": [3]}
    answers = pl.DataFrame({name: place.get(name, [None]) for name in ANSWERS}, schema=ANSWERS)
    answers.write_parquet(tmp_path / "log" / "answers" / "a.parquet")
    found = read_directory(taken(tmp_path)).events.filter(pl.col("event") == "click")
    assert found.select("request_id", "position").rows() == [("r1", 3)]


def test_the_same_content_is_the_same_folder_however_it_lies(tmp_path):
    post(tmp_path / "log", "a", event(1))
    post(tmp_path / "log", "b", event(2, posted=5))
    first = taken(tmp_path)
    (tmp_path / "log" / "events" / "b.parquet").unlink()
    post(tmp_path / "log", "a", event(2, posted=5), event(1))  # as merging files may leave them
    assert taken(tmp_path, now=NOW + 1, since=told(first)) == first
    post(tmp_path / "log", "c", event(3))
    assert taken(tmp_path) != first


BROKEN = [event(90, item="z"), event(91, role="glance"), event(92, at=NOON + timedelta(days=2)), event(93, user="")]


def test_broken_events_are_set_aside_with_the_reason(tmp_path):
    post(tmp_path / "log", "a", *map(event, range(76)), *BROKEN)
    made = taken(tmp_path)  # 4 of 80 are 5 %
    clean = sift(read_directory(made))
    assert (clean.events.height, clean.rejects.height) == (80, 0)
    odd = pl.read_parquet(made / QUARANTINE).select("event_id", "column", "reason")
    assert odd.rows() == [
        ("e90", "item_id", "not in items"),
        ("e91", "event", "glance is no event role, map it with data.mapping.roles"),
        ("e92", "timestamp", "has not happened yet"),
        ("e93", "user_id", "empty"),
    ]


def test_what_had_not_happened_counts_when_it_has(tmp_path):
    post(tmp_path / "log", "a", event(1, at=NOON + timedelta(days=2)))
    late = taken(tmp_path, limit=1)
    assert read_directory(late).events.height == 4
    assert read_directory(taken(tmp_path, now=instant_of(NOON + timedelta(days=2)))).events.height == 5


def test_too_many_stop_the_night_and_write_nothing(tmp_path):
    post(tmp_path / "log", "a", *map(event, range(75)), *BROKEN)
    with pytest.raises(
        QualityError, match=r"at most 5.0% malformed .* got 4 of 79; most often .* what is served stays"
    ):
        taken(tmp_path)
    assert not (tmp_path / "inputs").exists()


def test_what_is_new_is_judged_by_itself(tmp_path):
    post(tmp_path / "log", "a", *map(event, range(1000)))
    since = told(taken(tmp_path))
    assert since == instant_of(NOON)
    post(tmp_path / "log", "b", event(1000, posted=1), event(1001, item="z", posted=1))
    assert taken(tmp_path).is_dir()  # 1 of 1,002
    with pytest.raises(QualityError, match="got 1 of 2; most often item_id: not in items"):
        taken(tmp_path, since=since)


def test_a_file_that_is_no_table_of_the_log_is_named(tmp_path):
    post(tmp_path / "log", "a", event(1))
    (tmp_path / "log" / "events" / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ArtifactError, match=r"b.parquet: .*; take the file away"):
        taken(tmp_path)


def test_an_erased_user_is_gone(tmp_path):
    post(tmp_path / "log", "a", event(1, user="c"), event(2))
    assert "c" in read_directory(taken(tmp_path)).events["user_id"]
    post(tmp_path / "log", "a", event(2))
    assert "c" not in read_directory(taken(tmp_path)).events["user_id"]
