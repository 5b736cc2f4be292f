"""The log's chores in the thread that asks; `test_journal` and `test_archive` see to what each does."""

from pathlib import Path

import pytest

from recsys.data.policy_log import TABLES
from serving.keeping import SEGMENTS, Chores, Here, KeepingError, cause
from serving.record import post_line
from serving.segment import alone
from serving.store import Event, StoreError


def left(directory: Path, name: str, content: bytes | None = None) -> Path:
    """A segment that a process left."""
    (directory / SEGMENTS).mkdir(parents=True, exist_ok=True)
    event = Event(event_id=name, user_id="ann", item_id="i", event="view", at=5)
    path = directory / SEGMENTS / f"{name}.jsonl"
    path.write_bytes(post_line([event], at=5) if content is None else content)
    return path


def test_each_segment_is_told_when_it_is_taken_and_one_that_fails_keeps_no_other(tmp_path: Path) -> None:
    paths = [left(tmp_path, name) for name in ("1-a", "2-b", "3-c")]
    here = Here(tmp_path, lambda _user: None)
    (tmp_path / "events" / "2-b.parquet").mkdir()  # in the way
    seen: list[int] = []
    with pytest.raises(OSError, match="2-b"):
        here.keep(Chores(seconds=0), lambda: seen.append(len(list((tmp_path / SEGMENTS).iterdir()))))
    assert seen == [2, 1]
    assert [path.exists() for path in paths] == [False, True, False]


def test_while_others_do_it_nothing_is_done(tmp_path: Path) -> None:
    path = left(tmp_path, "1-a")
    here = Here(tmp_path, lambda _user: None)
    with alone(tmp_path / "lock", seconds=0):
        assert not here.keep(Chores(seconds=0), lambda: None)
    assert path.exists()
    assert here.keep(Chores(seconds=0), lambda: None)
    assert not path.exists()


def test_folders_are_made(tmp_path: Path) -> None:
    Here(tmp_path, lambda _user: None)
    assert {path.name for path in tmp_path.iterdir()} == set(TABLES)


def test_what_a_library_says_is_not_told() -> None:
    assert cause(StoreError("down")) == "down"
    assert cause(KeepingError("so")) == "so"
    assert cause(ValueError("ann")) == "ValueError"
