"""The store in one file: SQLite with a write-ahead log, fsync before an event is acknowledged."""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from recsys.schema import Instant
from serving.store import Arrival, ConflictError, Event, ItemChange, Past, Running, StoreError, Swap

R = TypeVar("R")

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, item_id TEXT NOT NULL, event TEXT NOT NULL,
    at INTEGER NOT NULL, value REAL, request_id TEXT, counted_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_user ON events (user_id, counted_at);
CREATE INDEX IF NOT EXISTS by_time ON events (counted_at);
CREATE TABLE IF NOT EXISTS arrivals (number INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS forgotten (user BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (item_id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, columns TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS experiments (number INTEGER PRIMARY KEY AUTOINCREMENT, experiment TEXT);
CREATE TABLE IF NOT EXISTS swaps (number INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL);
"""
_INSERT = """
INSERT INTO events (event_id, user_id, item_id, event, at, value, request_id, counted_at)
SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM forgotten WHERE user = ? AND at > ?)
ON CONFLICT DO NOTHING
"""
_KNOWN = "SELECT event_id, user_id, item_id, event, at, value, request_id FROM events WHERE event_id = ?"
# one statement: every answer waits for it. The last row, of part 1, tells since when the user is forgotten
_READ = """
SELECT 0 AS part, event_id, user_id, item_id, event, counted_at, value, request_id FROM events
WHERE user_id = ? AND counted_at >= ? {}
UNION ALL SELECT 1, NULL, NULL, NULL, NULL, max(at), NULL, NULL FROM forgotten WHERE user = ?
ORDER BY part, counted_at, event_id
"""
_ARRIVED = _READ.format("AND (SELECT number FROM arrivals a WHERE a.event_id = events.event_id) <= ?")
_PAST = _READ.format("")
_ARRIVALS = """
SELECT number, user_id, event_id FROM arrivals JOIN events USING (event_id) WHERE number > ? ORDER BY number LIMIT ?
"""
_LEAVE = "DELETE FROM arrivals WHERE event_id IN (SELECT event_id FROM events WHERE user_id = ?)"
# the highest number is never deleted, only replaced by a higher one
_CHANGE = "INSERT OR REPLACE INTO items SELECT ?, (SELECT coalesce(max(number), 0) + 1 FROM items), ?"
_CHANGES = "SELECT number, item_id, columns FROM items WHERE number > ? ORDER BY number"
_WAIT_SECONDS = 5.0


class SqliteStore:
    """A file that all workers of one machine share; one connection writes, another reads."""

    def __init__(self, path: Path) -> None:
        """Open, or make, the file.

        Raises:
            StoreError: no such folder, not writable, not a database, or of another version.
        """
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._writer = self._told(lambda: _opened(path))
        self._reader = self._told(lambda: _opened(path))

    def post(self, events: Sequence[Event], *, now: Instant) -> int:
        """As `Store.post` has it."""
        return self._written(lambda: sum(self._keep(event, now) for event in events))

    def _keep(self, event: Event, now: Instant) -> bool:
        row = (event.event_id, event.user_id, event.item_id, event.event, event.at, event.value, event.request_id)
        if self._writer.execute(_INSERT, (*row, min(event.at, now - 1), _hidden(event.user_id), event.at)).rowcount:
            self._writer.execute("INSERT INTO arrivals (event_id) VALUES (?)", row[:1])
            return True
        known = self._writer.execute(_KNOWN, row[:1]).fetchone()
        if known not in {None, row}:
            raise ConflictError.of(event.event_id)
        return False

    def past(self, user_id: str, *, since: Instant, arrived: int | None = None) -> Past:
        """As `Store.past` has it."""
        until = () if arrived is None else (arrived,)
        asked = (_PAST if arrived is None else _ARRIVED, (user_id, since, *until, _hidden(user_id)))
        with self._reading:
            *rows, forgotten = self._told(lambda: self._reader.execute(*asked).fetchall())
        return Past(events=tuple(_event(row[1:]) for row in rows), forgotten=forgotten[5])

    def arrivals(self, *, after: int, limit: int) -> list[Arrival]:
        """As `Store.arrivals` has it."""
        with self._reading:
            rows = self._told(lambda: self._reader.execute(_ARRIVALS, (after, limit)).fetchall())
        return [Arrival(number=number, user_id=user_id, event_id=event_id) for number, user_id, event_id in rows]

    def forget(self, user_id: str, *, now: Instant) -> int:
        """As `Store.forget` has it."""

        def erase() -> int:
            self._writer.execute(_LEAVE, (user_id,))
            erased = self._writer.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
            self._writer.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?)", (_hidden(user_id), now))
            return erased

        erased = self._written(erase)
        with self._writing:  # the pages as they were before lie in the log until it is emptied
            self._told(lambda: self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        return erased

    def latest(self) -> Instant | None:
        """As `Store.latest` has it."""
        with self._reading:
            found: Instant | None = self._told(
                lambda: self._reader.execute("SELECT max(counted_at) FROM events").fetchone()[0]
            )
        return found

    def change_items(self, items: Mapping[str, str | None]) -> None:
        """As `Store.change_items` has it."""
        self._written(lambda: self._writer.executemany(_CHANGE, items.items()))

    def item_changes(self, *, after: int) -> list[ItemChange]:
        """As `Store.item_changes` has it."""
        with self._reading:
            rows = self._told(lambda: self._reader.execute(_CHANGES, (after,)).fetchall())
        return [ItemChange(number=number, item_id=item_id, columns=columns) for number, item_id, columns in rows]

    def announce(self, digest: str) -> None:
        """As `Store.announce` has it."""
        self._written(lambda: self._writer.execute("INSERT INTO swaps (digest) VALUES (?)", (digest,)))

    def swaps(self, *, after: int) -> list[Swap]:
        """As `Store.swaps` has it."""
        select = "SELECT number, digest FROM swaps WHERE number > ? ORDER BY number"
        with self._reading:
            rows = self._told(lambda: self._reader.execute(select, (after,)).fetchall())
        return [Swap(number=number, digest=digest) for number, digest in rows]

    def run_experiment(self, experiment: str | None) -> None:
        """As `Store.run_experiment` has it."""
        insert = "INSERT INTO experiments (experiment) VALUES (?)"
        self._written(lambda: self._writer.execute(insert, (experiment,)))

    def running(self) -> Running:
        """As `Store.running` has it."""
        select = "SELECT number, experiment FROM experiments ORDER BY number DESC LIMIT 1"
        with self._reading:
            row = self._told(lambda: self._reader.execute(select).fetchone())
        return Running(number=row[0], experiment=row[1]) if row else Running(number=0, experiment=None)

    def close(self) -> None:
        """As `Store.close` has it."""
        with self._writing, self._reading:
            self._writer.close()
            self._reader.close()

    def _written(self, work: Callable[[], R]) -> R:
        """In one transaction, on disk when this returns."""

        def whole() -> R:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                done = work()
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return done

        with self._writing:
            return self._told(whole)

    def _told(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"Cannot use the state in {self._path}: {error}; nothing was changed.") from error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _log_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, _VERSION}:
            raise sqlite3.DatabaseError(f"expected version {_VERSION} of its tables, got {version}")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Have a write-ahead log. For this one change SQLite does not wait while another process makes it, too."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _hidden(user_id: str) -> bytes:
    """A user's name, so that it can be found again but not read."""
    return hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).digest()


def _event(row: tuple[str, str, str, str, int, float | None, str | None]) -> Event:
    names = ("event_id", "user_id", "item_id", "event", "at", "value", "request_id")
    return Event(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
