"""Parquet of segments: a second reader of the lines finds the same rows, and interruptions leave no trace."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS, TABLES, PolicyLog
from recsys.schema import Instant
from serving.archive import MERGED, Archive, write


def line(**told: object) -> bytes:
    return json.dumps(told).encode() + b"\n"


def answer(request_id: str, *items: str, user_id: str | None = "ann", at: int = 5, **more: object) -> bytes:
    usual = {"arm": "a", "bundle": "b", "policy": "p", "params": '{"t": 0.1}', "seed": 3, "request": "{}"}
    lists = {"item_id": items, "propensity": [0.1 + 0.2 * n for n in range(len(items))], "score": [1.5] * len(items)}
    return line(request_id=request_id, user_id=user_id, at=at, degraded=["state", "log"], **usual, **lists, **more)


def archived(folder: Path, content: bytes, forgotten: dict[str, Instant] | None = None) -> dict[str, pl.DataFrame]:
    """What is in the tables after a segment is taken."""
    archive = Archive(folder, forgotten=(forgotten or {}).get)
    (folder / "7-1-ab.jsonl").write_bytes(content)
    assert archive.take(folder / "7-1-ab.jsonl")
    assert not (folder / "7-1-ab.jsonl").exists()
    files = {name: list((folder / name).iterdir()) for name in TABLES}
    assert {path.name for found in files.values() for path in found} <= {"7-1-ab.parquet"}
    return {name: pl.read_parquet(found[0]) for name, found in files.items() if found}


def test_answers_by_place(tmp_path: Path) -> None:
    found = archived(tmp_path, answer("r1", "x", "y") + answer("r2", user_id=None) + answer("r3", "z"))
    assert list(found) == ["answers"]
    assert found["answers"].schema == pl.Schema(ANSWERS)
    columns = found["answers"].select("request_id", "user_id", "item_id", "position", "propensity", "score")
    assert columns.rows() == [
        ("r1", "ann", "x", 1, 0.1, 1.5),
        ("r1", "ann", "y", 2, 0.1 + 0.2, 1.5),
        ("r2", None, None, None, None, None),
        ("r3", "ann", "z", 1, 0.1, 1.5),
    ]
    assert found["answers"]["degraded"].to_list() == [["state", "log"]] * 4
    assert found["answers"].select("arm", "bundle", "policy", "params", "seed", "request").row(0) == (
        "a", "b", "p", '{"t": 0.1}', 3, "{}",
    )  # fmt: skip


def test_only_interleaved_lists_tell_whose_items_they_are(tmp_path: Path) -> None:
    content = answer("r1", "x", "y") + answer("r2", "x", "y", "z", first=[1.0, 0.25, None]) + answer("r3", first=[])
    found = archived(tmp_path, content)["answers"].select("request_id", "item_id", "first")
    assert found.rows() == [
        ("r1", "x", None),
        ("r1", "y", None),
        ("r2", "x", 1.0),
        ("r2", "y", 0.25),
        ("r2", "z", None),
        ("r3", None, None),
    ]


def test_candidates_and_features_of_two_rankers(tmp_path: Path) -> None:
    told = {"item_ids": ["x", "y"], "scores": [2.0, 1.0]}
    first = {"names": ["own", "age"], "item_id": ["x", "y"], "values": [[1.0, None], [2.0, 0.5]]}
    second = {"names": ["age"], "item_id": ["z"], "values": [[4.0]]}
    found = archived(
        tmp_path, answer("r1", "x", "y", candidates=told, features=first) + answer("r2", "z", features=second)
    )
    assert found["candidates"].schema == pl.Schema(CANDIDATES)
    assert found["candidates"].drop("at").rows() == [("r1", "ann", ["x", "y"], [2.0, 1.0])]
    assert found["features"].schema["own"] == found["features"].schema["age"] == pl.Float32
    rows = found["features"].select("request_id", "user_id", "item_id", "own", "age").rows()
    assert rows == [("r1", "ann", "x", 1.0, None), ("r1", "ann", "y", 2.0, 0.5), ("r2", "ann", "z", None, 4.0)]


def test_what_was_so_when_its_user_was_forgotten_is_left_out(tmp_path: Path) -> None:
    def post(*told: tuple[str, str, int], at: int) -> bytes:
        columns = [
            {"event_id": name, "user_id": user, "item_id": "x", "event": "view", "at": t} for name, user, t in told
        ]
        return line(at=at, events=columns)

    found = archived(
        tmp_path,
        answer("r1", "x", at=10)
        + answer("r2", "x", at=11)
        + answer("r3", "x", at=10, user_id="bob")
        + answer("r4", "x", at=1, user_id=None)
        + post(("e1", "ann", 99), ("e2", "bob", 5), at=10)
        + post(("e3", "ann", 5), ("e4", "ann", 11), ("e5", "cy", 1), at=12),
        {"ann": 10, "cy": 2},
    )
    assert found["answers"]["request_id"].to_list() == ["r2", "r3", "r4"]
    assert found["events"].schema == pl.Schema(EVENTS)
    assert found["events"]["event_id"].to_list() == ["e2", "e4"]


def test_erasing_leaves_the_others_and_the_age_of_files(tmp_path: Path) -> None:
    archive = Archive(tmp_path, forgotten=lambda _user: None)
    (tmp_path / "1-1-ab.jsonl").write_bytes(
        answer("r1", "x") + answer("r2", "y", user_id="bob") + answer("r3", user_id=None)
    )
    (tmp_path / "2-1-ab.jsonl").write_bytes(answer("r4", "x"))
    for n in (1, 2):
        os.utime(tmp_path / f"{n}-1-ab.jsonl", (n, n))
        assert archive.take(tmp_path / f"{n}-1-ab.jsonl")
    archive.erase("ann")
    (left,) = (tmp_path / "answers").iterdir()
    assert pl.read_parquet(left)["request_id"].to_list() == ["r2", "r3"]
    assert left.stat().st_mtime == 1
    archive.expire(10**9 - 1)
    assert left.exists()
    archive.expire(10**9 + 1)
    assert not left.exists()


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, old = tmp_path / "a.parquet", pl.DataFrame({"n": [1]})
    write(old, path, 0)

    def fails(_file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="Input/output error"):
            write(pl.DataFrame({"n": [2]}), path, 0)
    assert pl.read_parquet(path).equals(old)
    archive = Archive(tmp_path, forgotten=lambda _user: None)
    (tmp_path / "answers" / "b.writing").write_text("begun")
    archive.tidy()
    assert list((tmp_path / "answers").iterdir()) == []
    write(old.clear(), path, 0)
    assert not path.exists()


def test_many_small_files_become_one_with_the_same_rows(tmp_path: Path) -> None:
    archive = Archive(tmp_path, forgotten=lambda _user: None)
    n = 2 * MERGED + 3
    for i in range(n):
        read = {"names": ["own" if i % 2 else "age"], "item_id": ["x"], "values": [[float(i)]]}
        (tmp_path / f"{i:03d}-1-ab.jsonl").write_bytes(answer(f"r{i:03d}", "x", features=read))
        os.utime(tmp_path / f"{i:03d}-1-ab.jsonl", (i, i))
        assert archive.take(tmp_path / f"{i:03d}-1-ab.jsonl")
    before = PolicyLog.load(tmp_path)
    tables = [before.answers.collect(), before.features.sort("request_id").collect()]
    archive.merge()
    files = sorted((tmp_path / "answers").iterdir())
    assert len(files) == 2 + 3
    assert [file.stat().st_mtime for file in files] == [MERGED - 1, 2 * MERGED - 1, n - 3, n - 2, n - 1]
    after = PolicyLog.load(tmp_path)
    assert after.answers.sort("request_id").collect().equals(tables[0])
    assert after.features.sort("request_id").select(tables[1].columns).collect().equals(tables[1])
    first = files[0].read_bytes()
    archive.merge()
    assert files[0].read_bytes() == first
    # interrupted before the parts were deleted
    part = tmp_path / "answers" / "000-1-ab.parquet"
    write(pl.read_parquet(files[0])[:1], part, 0)
    assert PolicyLog.load(tmp_path).answers.collect().height == n
    archive.merge()
    assert not part.exists()
    assert PolicyLog.load(tmp_path).answers.collect().height == n
    write(pl.read_parquet(files[0])[:1], part, 0)
    archive.erase("ann")
    assert PolicyLog.load(tmp_path).answers.collect().is_empty()
