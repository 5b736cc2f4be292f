"""Histories and logs against a naive second implementation in plain Python."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.interactions import COLUMNS, Histories, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError, ShapeError

N_USERS, N_ITEMS = 4, 5
Event = tuple[int, int, int, int, float | None, float, int | None, int | None]  # the columns of COLUMNS
Entry = tuple[int, int, int, float]  # item_idx, event, at, weight

event_rows = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(0, N_ITEMS - 1),
        st.integers(0, 11),
        st.integers(0, 6),
        st.none() | st.floats(0, 9),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(1, 9),
    ),
    max_size=30,
)
instants = st.integers(-1, 10)
user_rows = st.lists(st.integers(-1, N_USERS - 1), max_size=6)


def log_of(rows: list[Event]) -> Interactions:
    table = pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("at", "user_idx", "item_idx", "event", "value")
    return Interactions(events=table, users=Vocabulary.of(f"u{i}" for i in range(N_USERS)), n_items=N_ITEMS)


def known(rows: list[Event], as_of: int) -> list[Event]:
    order = sorted(rows, key=lambda r: (r[3], r[0], r[1], r[2], r[4] is not None, r[4] or 0.0))
    return [r for r in order if r[3] < as_of and (r[6] is None or r[6] >= as_of)]


def entries(histories: Histories) -> list[list[Entry]]:
    columns = (histories.item_idx, histories.event, histories.at, histories.weight)
    flat = list(zip(*(c.tolist() for c in columns), strict=True))
    bounds = histories.indptr.tolist()
    return [flat[a:b] for a, b in pairwise(bounds)]


def naive(rows: list[Event], users: list[int], as_of: int) -> list[list[Entry]]:
    return [[(r[1], r[2], r[3], r[5]) for r in known(rows, as_of) if r[0] == user] for user in users]


def histories_of(rows: list[Event], users: list[int], as_of: int = 99) -> Histories:
    return log_of(rows).histories(np.array(users, np.int32), as_of=as_of)


def by_time(lists: list[list[Entry]]) -> list[list[Entry]]:
    return [sorted(entries, key=lambda e: (e[2], e)) for entries in lists]


@given(event_rows, instants)
def test_before_knows_what_happened_and_was_not_cancelled_before(rows: list[Event], as_of: int) -> None:
    got = log_of(rows).before(as_of).events
    assert sorted(got.rows(), key=repr) == sorted(known(rows, as_of), key=repr)
    assert got["at"].is_sorted()


@given(event_rows, instants, instants)
def test_between_is_half_open(rows: list[Event], start: int, end: int) -> None:
    got = log_of(rows).between(start, end).events
    expected = [r for r in known(rows, end) if r[3] >= start]
    assert sorted(got.rows(), key=repr) == sorted(expected, key=repr)


@given(event_rows, instants)
def test_what_comes_at_or_after_as_of_changes_nothing(rows: list[Event], as_of: int) -> None:
    past = [r if r[6] is None or r[6] < as_of else (*r[:6], None, r[7]) for r in rows if r[3] < as_of]
    assert log_of(past).before(as_of).events.drop("until").equals(log_of(rows).before(as_of).events.drop("until"))


@given(event_rows, user_rows, instants)
def test_histories_are_the_users_known_events_oldest_first(rows: list[Event], users: list[int], as_of: int) -> None:
    got = histories_of(rows, users, as_of)
    assert by_time(entries(got)) == by_time(naive(rows, users, as_of))
    assert all(np.all(np.diff([e[2] for e in history]) >= 0) for history in entries(got))


@given(event_rows, user_rows, st.integers(0, 5))
def test_last_and_positives_and_before_filter_each_user(rows: list[Event], users: list[int], n: int) -> None:
    got = histories_of(rows, users)
    full = entries(got)
    assert entries(got.last(n)) == [history[max(0, len(history) - n) :] for history in full]
    assert entries(log_of(rows).histories(np.array(users, np.int32), as_of=99, n=n)) == entries(got.last(n))
    assert entries(got.positives()) == [[e for e in history if e[3] > 0] for history in full]
    assert entries(got.before(3)) == [[e for e in history if e[2] < 3] for history in full]


@given(event_rows, user_rows, st.data())
def test_take_picks_rows_in_the_given_order(rows: list[Event], users: list[int], data: st.DataObject) -> None:
    got = histories_of(rows, users)
    chosen = data.draw(st.lists(st.integers(0, len(users) - 1), max_size=5)) if users else []
    assert entries(got.take(chosen)) == [entries(got)[i] for i in chosen]


@given(event_rows, user_rows, st.integers(1, 4))
def test_blocks_cover_all_rows_and_concat_undoes_them(rows: list[Event], users: list[int], size: int) -> None:
    got = histories_of(rows, users)
    blocks = list(got.blocks(size))
    assert [start for start, _ in blocks] == list(range(0, len(users), size))
    joined = Histories.concat([block for _, block in blocks])
    assert entries(joined) == entries(got)
    assert len(joined) == len(got) == len(users)
    assert joined.rows.tolist() == [u for u, history in enumerate(entries(got)) for _ in history]


@settings(max_examples=20)
@given(st.lists(event_rows, max_size=3))
def test_concat_puts_parts_one_after_the_other(parts: list[list[Event]]) -> None:
    histories = [histories_of(rows, [0, 1]) for rows in parts]
    assert entries(Histories.concat(histories)) == [h for part in histories for h in entries(part)]


def test_missing_values_are_nan_and_types_are_as_promised() -> None:
    got = histories_of([(0, 1, 8, 5, None, 1.0, None, None)], [0])
    assert np.isnan(got.value).all()
    types = [got.indptr.dtype, got.item_idx.dtype, got.event.dtype, got.at.dtype, got.value.dtype, got.weight.dtype]
    assert types == ["int64", "int32", "uint8", "int64", "float64", "float32"]


def test_arrays_that_do_not_fit_are_refused() -> None:
    empty = Histories.empty(2)
    assert (len(empty), entries(empty)) == (2, [[], []])
    with pytest.raises(ShapeError, match="expected 1 entries in each array, got sizes"):
        Histories(
            indptr=np.array([0, 1]),
            item_idx=empty.item_idx,
            event=empty.event,
            at=empty.at,
            value=empty.value,
            weight=empty.weight,
        )


ROWS: list[Event] = [
    (2, 1, 8, 5, 3.0, 1.0, 20, None),
    (0, 1, 2, 7, None, 0.5, None, 3),
    (2, 4, 11, 20, None, 0.0, None, None),
]


def test_summaries_of_a_log() -> None:
    log = log_of(ROWS)
    assert (len(log), log.end, log_of([]).end) == (3, 20 + 1, 0)
    assert log.user_indices().tolist() == [0, 2]
    assert log.seen_items().tolist() == [False, True, False, False, True]
    assert log.positives().events["at"].to_list() == [5, 7]


def test_wrong_columns_and_unsorted_events_are_refused() -> None:
    log = log_of(ROWS)
    with pytest.raises(ShapeError, match="Interactions: expected columns"):
        Interactions(events=log.events.drop("until"), users=log.users, n_items=N_ITEMS)
    with pytest.raises(ShapeError, match="expected events sorted by time"):
        Interactions(events=log.events.reverse(), users=log.users, n_items=N_ITEMS)


def test_save_and_load_give_the_same_log_and_the_same_bytes(tmp_path: Path) -> None:
    log = Interactions(events=log_of(ROWS).events, users=log_of(ROWS).users, n_items=N_ITEMS, day=7)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        log.save(tmp_path / name)
    loaded = Interactions.load(tmp_path / "a")
    assert loaded.events.equals(log.events)
    assert (loaded.users, loaded.n_items, loaded.day) == (log.users, N_ITEMS, 7)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.parametrize("column", ["user_idx", "item_idx"])
@pytest.mark.parametrize("outside", [-1, 99])
def test_an_index_outside_is_refused(tmp_path: Path, column: str, outside: int) -> None:
    log = log_of(ROWS)
    log.save(tmp_path)
    wrong = log.events.with_columns(pl.lit(outside, COLUMNS[column]).alias(column))
    wrong.write_parquet(tmp_path / "events.parquet")
    with pytest.raises(ArtifactError, match="the events do not belong to its 4 users and 5 items"):
        Interactions.load(tmp_path)


def test_a_log_kept_before_positions_were_is_refused(tmp_path: Path) -> None:
    log = log_of(ROWS)
    log.save(tmp_path)
    log.events.drop("position").write_parquet(tmp_path / "events.parquet")
    with pytest.raises(
        ArtifactError, match=r"events\.parquet: expected the columns .*until, position with their types"
    ):
        Interactions.load(tmp_path)


def test_other_users_are_refused(tmp_path: Path) -> None:
    log_of(ROWS).save(tmp_path)
    pl.DataFrame({"user_id": ["x", "y", "z", "w"]}).write_parquet(tmp_path / "users.parquet")
    with pytest.raises(ArtifactError, match="make the interactions again"):
        Interactions.load(tmp_path)


@pytest.mark.parametrize("body", ["{}", '{"n_items": "x", "day": 1}', '{"n_items": null, "day": 1}'])
def test_missing_sizes_are_refused(tmp_path: Path, body: str) -> None:
    log_of(ROWS).save(tmp_path)
    (tmp_path / "interactions.json").write_text(body)
    with pytest.raises(ArtifactError, match=r"interactions\.json: expected n_items and day, got"):
        Interactions.load(tmp_path)


def test_an_empty_log_can_be_kept(tmp_path: Path) -> None:
    log_of([]).save(tmp_path)
    assert len(Interactions.load(tmp_path)) == 0
