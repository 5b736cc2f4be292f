"""A night's input: the shop's events and the log's, each once; what is broken is set aside, or too much."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipelines.intake import QUARANTINE, Rule, same, take, told
from pipelines.shelf import Shelf
from recsys.artifacts import verify
from recsys.data.config import QualityConfig
from recsys.data.formats import read_directory
from recsys.data.policy_log import ANSWERS, EVENTS
from recsys.data.quality import sift
from recsys.data.raw_log import RawLog
from recsys.errors import ArtifactError, QualityError
from recsys.schema import instant_of
from serving.store import ItemChange

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


def taken(folder, *, since=None, limit=0.05, least=1, now=NOW, shelf=None):
    rule = Rule(quality=QualityConfig(max_reject_fraction=limit), min_rejects=least, now=now, told=since)
    return take(shop(), folder / "log", shelf or Shelf(), rule, root=folder / "inputs")


def test_without_a_log_it_is_the_shop(tmp_path):
    made = taken(tmp_path)
    verify(made, kind="input")
    assert told(made) is None
    clean = sift(read_directory(made))
    assert clean.events.height == 4
    assert clean.filtered == {"cancellation": 3}
    rule = Rule(quality=QualityConfig(), min_rejects=1, now=NOW, told=None)
    assert take(shop(), None, Shelf(), rule, root=tmp_path / "inputs") == made


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


def test_a_few_never_stop_a_night_however_little_came(tmp_path):
    post(tmp_path / "log", "a", event(1), *(event(n, item="z") for n in range(2, 11)))
    made = taken(tmp_path, least=10)
    assert pl.read_parquet(made / QUARANTINE).height == 9
    post(tmp_path / "log", "b", event(11, item="z"))
    with pytest.raises(QualityError, match=r"fewer than 10 never count, night.min_rejects\), got 10 of 11; most often"):
        taken(tmp_path, least=10)


def test_what_is_set_aside_or_known_teaches_nothing_new(tmp_path):
    first = taken(tmp_path)
    post(tmp_path / "log", "a", event(1, item="z", posted=1), event(2, role="purchase", at=NOON, posted=2))
    second = taken(tmp_path, least=10)
    assert second != first
    assert same(second, first)
    assert told(second) == instant_of(NOON + timedelta(minutes=2))
    post(tmp_path / "log", "b", event(3))
    assert not same(taken(tmp_path, least=10), first)


def shelf(*changes):
    return Shelf.of([ItemChange(number=n, item_id=name, columns=told) for n, (name, told) in enumerate(changes, 1)])


def test_an_item_that_was_put_to_the_service_is_one_and_its_events_count(tmp_path):
    post(tmp_path / "log", "a", event(1, item="z"), event(2))
    put = shelf(("z", '{"title": "green mug", "tags": ["new"]}'), ("x", '{"title": "red cup"}'))
    made = taken(tmp_path, shelf=put)
    found = sift(read_directory(made))
    assert (found.events.height, found.rejects.height) == (6, 0)
    titles = found.items.select("item_id", "title", "tags").sort("item_id").rows()
    assert titles == [("x", "red cup", None), ("y", "blue mug", None), ("z", "green mug", ["new"])]
    assert taken(tmp_path, shelf=put) == made


def test_an_item_that_was_taken_away_still_teaches_and_is_not_to_be_had(tmp_path):
    post(tmp_path / "log", "a", event(1, item="z"), event(2), event(300))
    made = taken(tmp_path, shelf=shelf(("z", None), ("x", None)))
    found = sift(read_directory(made))
    assert found.events.filter(pl.col("item_id") == "x").height == 4
    until = dict(found.items.select("item_id", "available_until").rows())
    assert until == {"x": NOON + timedelta(minutes=300), "y": None}
    assert pl.read_parquet(made / QUARANTINE).is_empty()  # of an item that nobody knows any more


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
