"""A log is read as it was written, each answer and event once; what is none is told by a sentence."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.data.formats import read_directory
from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, FEATURES, PolicyLog
from recsys.data.quality import sift
from recsys.errors import ArtifactError


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def answer(request_id: str, second: int, *items: str) -> pl.DataFrame:
    n = max(len(items), 1)
    columns = {
        "request_id": [request_id] * n,
        "at": [at(second)] * n,
        "user_id": ["ann"] * n,
        "item_id": list(items) or [None],
        "position": list(range(1, len(items) + 1)) or [None],
        "propensity": [1 / 3] * len(items) or [None],
        "degraded": [[]] * n,
    }
    return pl.DataFrame({name: columns.get(name, [None] * n) for name in ANSWERS}, schema=ANSWERS)


def event(event_id: str, item_id: str, request_id: str | None, role: str = "click") -> dict:
    told = {"event_id": event_id, "user_id": "ann", "item_id": item_id, "event": role, "timestamp": at(30)}
    return told | {"value": None, "request_id": request_id}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("answers", "candidates", "features", "events"):
        (tmp_path / name).mkdir()
    return tmp_path


def put(folder: Path, table: str, name: str, rows: pl.DataFrame) -> None:
    rows.write_parquet(folder / table / f"{name}.parquet")


def test_an_answer_and_an_event_that_two_files_hold_is_there_once(folder: Path) -> None:
    put(folder, "answers", "a", pl.concat([answer("r1", 1, "x", "y"), answer("r2", 2)]))
    put(folder, "answers", "b", pl.concat([answer("r1", 1, "x", "y"), answer("r1", 3, "y")]))
    one = pl.DataFrame([event("e1", "x", "r1")], schema=EVENTS)
    put(folder, "events", "a", one)
    put(folder, "events", "b", one)
    log = PolicyLog.load(folder)
    rows = log.answers.sort("at", "position").select("request_id", "item_id", "position", "propensity").collect().rows()
    assert rows == [
        ("r1", "x", 1, 1 / 3),
        ("r1", "y", 2, 1 / 3),
        ("r2", None, None, None),
        ("r1", "y", 1, 1 / 3),
    ]
    assert log.events.collect().equals(one)
    assert log.candidates.collect().schema == pl.Schema(CANDIDATES)
    assert log.features.collect().schema == pl.Schema(FEATURES)


def test_files_from_before_a_column_are_read(folder: Path) -> None:
    put(folder, "answers", "a", answer("r1", 1, "x").drop("first"))
    put(folder, "answers", "b", answer("r2", 2, "y").with_columns(first=0.25))
    found = PolicyLog.load(folder).answers.sort("at").collect()
    assert found.schema == pl.Schema(ANSWERS)
    assert found.select("item_id", "first").rows() == [("x", None), ("y", 0.25)]
    put(folder, "answers", "b", answer("r2", 2, "y").with_columns(first=pl.lit("a quarter")))
    with pytest.raises(ArtifactError, match=r"b\.parquet: expected a column first of type Float64, got String"):
        PolicyLog.load(folder)


def test_features_of_two_bundles_stand_side_by_side(folder: Path) -> None:
    row = {"request_id": ["r"], "at": [at(1)], "user_id": ["ann"], "item_id": ["x"]}
    for name, column in (("a", "own"), ("b", "age")):
        table = pl.DataFrame(row, schema=FEATURES).with_columns(
            pl.lit(2.5, pl.Float32).alias(column), item_id=pl.lit(name)
        )
        put(folder, "features", name, table)
    found = PolicyLog.load(folder).features.sort("item_id").collect()
    assert found.select("item_id", "own", "age").rows() == [("a", 2.5, None), ("b", None, 2.5)]


def test_events_know_the_place_that_their_item_had(folder: Path) -> None:
    put(folder, "answers", "a", pl.concat([answer("r1", 1, "x", "y"), answer("r1", 2, "y", "x"), answer("r2", 3, "z")]))
    told = [
        event("e1", "x", "r1", "impression"),
        event("e2", "z", "r1"),
        event("e3", "z", None),
        event("e4", "z", "r2", "purchase"),
    ]
    put(folder, "events", "a", pl.DataFrame(told, schema=EVENTS))
    found = PolicyLog.load(folder).placed_events()
    assert found.select("item_id", "event", "request_id", "position").rows() == [
        ("x", "impression", "r1", 2),
        ("z", "click", "r1", None),
        ("z", "click", None, None),
        ("z", "purchase", "r2", 1),
    ]


def test_a_log_beside_items_reads_as_a_shop(folder: Path) -> None:
    put(folder, "answers", "a", answer("r1", 1, "x", "y"))
    put(
        folder,
        "events",
        "a",
        pl.DataFrame([event("e1", "y", "r1", "impression"), event("e1", "y", "r1")], schema=EVENTS),
    )
    put(folder, "events", "b", pl.DataFrame([event("e2", "y", "r1", "purchase")], schema=EVENTS))
    pl.DataFrame({"item_id": ["x", "y"], "title": ["red mug", "blue mug"]}).write_parquet(folder / "items.parquet")
    cleaned = sift(read_directory(folder))
    assert cleaned.rejects.is_empty()
    assert cleaned.events.select("event", "position").rows() == [("impression", 2), ("purchase", 2)]
    plain = pl.DataFrame([event("e9", "x", None, "view")]).drop("event_id", "request_id")
    plain.write_parquet(folder / "events.parquet")  # a table that lies there is the shop's
    assert read_directory(folder).events["event"].to_list() == ["view"]


def test_what_is_saved_comes_back_and_lies_over_nothing(folder: Path, tmp_path: Path) -> None:
    put(folder, "answers", "0", answer("r", 0, "a", "b"))
    put(folder, "events", "0", pl.DataFrame([event("e", "a", "r")], schema=EVENTS))
    log = PolicyLog.load(folder)
    log.save(tmp_path / "copy")
    back = PolicyLog.load(tmp_path / "copy")
    for name in ("answers", "candidates", "features", "events"):
        assert getattr(back, name).collect().equals(getattr(log, name).collect())
    with pytest.raises(ArtifactError, match=r"Expected no policy log in .*copy, found one; choose another folder\."):
        log.save(tmp_path / "copy")


def test_what_is_no_log_is_a_sentence(folder: Path) -> None:
    with pytest.raises(ArtifactError, match=r"Expected a policy log in .*nowhere, found no folders answers and events"):
        PolicyLog.load(folder / "nowhere")
    (folder / "answers" / "a.parquet").write_bytes(b"PAR1 is no table")
    with pytest.raises(ArtifactError, match=r"Expected a table of the policy log in .*a\.parquet: .*; take"):
        PolicyLog.load(folder)
    put(folder, "answers", "a", answer("r1", 1, "x").drop("propensity"))
    with pytest.raises(ArtifactError, match=r"a\.parquet: expected a column propensity of type Float64, got none"):
        PolicyLog.load(folder)
    put(folder, "answers", "a", answer("r1", 1, "x").with_columns(pl.col("position").cast(pl.Float32)))
    with pytest.raises(ArtifactError, match=r"expected a column position of type Int32, got Float32; take away"):
        PolicyLog.load(folder)
    put(folder, "answers", "a", answer("r1", 1, "x").with_columns(more=1))
    assert PolicyLog.load(folder).answers.collect().columns == [*ANSWERS]
