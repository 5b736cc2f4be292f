"""The store in a Redis server, for workers on several machines; as durable as the server's own log is.

Start it with `--appendonly yes --appendfsync always`, or what it acknowledges may be lost with it. Every change is one
script, which Redis runs whole or not at all.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recsys.schema import Instant
from serving.store import Arrival, ConflictError, Event, ItemChange, Past, Running, StoreError, Swap

R = TypeVar("R")

_SECONDS = 1.0
"""How long an answer of the server is waited for."""

_SECONDS_OF_A_LIST = 0.25
"""The same where a list waits for it."""

_FIELDS = ("event_id", "user_id", "item_id", "event", "at", "value", "request_id")

# a user's events are members of a sorted set, by the instant they count at: the name, a zero byte, and the rest as
# JSON, which holds no zero byte; of one instant, Redis puts them in the order of their names' bytes
_POST = """
local new, keep = 0, {}
for i = 1, #ARGV, 6 do
    local name, row, user, hidden, at = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
    local known = keep[name] or redis.call('GET', 'recsys:event:' .. name)
    if known and known ~= row then return name end
    local gone = redis.call('GET', 'recsys:forgotten:' .. hidden)
    if not known and not (gone and tonumber(gone) > tonumber(at)) then keep[name] = row end
end
for i = 1, #ARGV, 6 do
    local name, row, user, counted = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 5]
    if keep[name] then
        redis.call('SET', 'recsys:event:' .. name, row)
        redis.call('ZADD', 'recsys:user:' .. user, counted, name .. '\\0' .. row)
        redis.call('ZADD', 'recsys:arrivals', redis.call('INCR', 'recsys:arrived'), name)
        redis.call('ZADD', 'recsys:latest', 'GT', counted, 'at')
        keep[name] = nil
        new = new + 1
    end
end
return new
"""
_FORGET = """
local members = redis.call('ZRANGE', 'recsys:user:' .. ARGV[1], 0, -1)
for _, member in ipairs(members) do
    local name = string.match(member, '^(.*)%z')
    redis.call('DEL', 'recsys:event:' .. name)
    redis.call('ZREM', 'recsys:arrivals', name)
end
redis.call('DEL', 'recsys:user:' .. ARGV[1])
redis.call('SET', 'recsys:forgotten:' .. ARGV[2], ARGV[3])
return #members
"""

_ARRIVALS = """
local after, rows = '(' .. ARGV[1], {}
local found = redis.call('ZRANGEBYSCORE', 'recsys:arrivals', after, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for i = 1, #found, 2 do
    table.insert(rows, {found[i + 1], redis.call('GET', 'recsys:event:' .. found[i]), found[i]})
end
return rows
"""
# a user's events with the number of arrival of each
_ARRIVED = """
local found, rows = redis.call('ZRANGEBYSCORE', 'recsys:user:' .. ARGV[1], ARGV[2], '+inf', 'WITHSCORES'), {}
for i = 1, #found, 2 do
    local number = redis.call('ZSCORE', 'recsys:arrivals', string.match(found[i], '^(.*)%z'))
    if number and tonumber(number) <= tonumber(ARGV[3]) then
        table.insert(rows, {found[i], found[i + 1]})
    end
end
return {rows, redis.call('GET', 'recsys:forgotten:' .. ARGV[4])}
"""
_GONE, _THERE = "-", "+"  # a hash cannot hold nothing: an item's columns come after a sign
_CHANGE = """
for i = 1, #ARGV, 2 do
    redis.call('ZADD', 'recsys:items', redis.call('INCR', 'recsys:item-changes'), ARGV[i])
    redis.call('HSET', 'recsys:item-columns', ARGV[i], ARGV[i + 1])
end
"""
_CHANGES = """
local found = redis.call('ZRANGEBYSCORE', 'recsys:items', '(' .. ARGV[1], '+inf', 'WITHSCORES')
local rows = {}
for i = 1, #found, 2 do
    table.insert(rows, {found[i], found[i + 1], redis.call('HGET', 'recsys:item-columns', found[i])})
end
return rows
"""


class RedisStore:
    """A server that all workers share."""

    def __init__(self, url: str) -> None:
        """Connect.

        Args:
            url: redis://[[user]:password@]host:port/number, or rediss:// or unix://.

        Raises:
            StoreError: no such server, or it turns us away.
        """
        try:
            # a connection that the server has closed is opened again; what hangs is not waited for twice
            again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
            self._redis, self._fast = (
                redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=again)
                for seconds in (_SECONDS, _SECONDS_OF_A_LIST)
            )
        except ValueError as error:
            raise StoreError(f"Expected the address of a state as redis://host:port/number: {error}.") from error
        self._told(self._redis.ping)
        self._post, self._forget = self._redis.register_script(_POST), self._redis.register_script(_FORGET)
        self._arrivals, self._arrived = (self._redis.register_script(each) for each in (_ARRIVALS, _ARRIVED))
        self._change, self._changes = self._redis.register_script(_CHANGE), self._redis.register_script(_CHANGES)

    def post(self, events: Sequence[Event], *, now: Instant) -> int:
        """As `Store.post` has it."""
        arguments: list[str | bytes | int] = []
        for event in events:
            arguments += (_bytes(event.event_id), _row(event), _bytes(event.user_id), _hidden(event.user_id))
            arguments += (event.at, min(event.at, now - 1))
        done = self._told(lambda: self._post(args=arguments))
        if isinstance(done, bytes):
            raise ConflictError.of(_text(done))
        return cast("int", done)

    def past(self, user_id: str, *, since: Instant, arrived: int | None = None) -> Past:
        """As `Store.past` has it."""
        if arrived is not None:
            arguments: list[bytes | str | int] = [_bytes(user_id), since, arrived, _hidden(user_id)]
            return _past(*cast("list[Any]", self._told(lambda: self._arrived(args=arguments))))

        def read() -> list[Any]:
            with self._fast.pipeline(transaction=False) as asked:
                asked.zrangebyscore(b"recsys:user:" + _bytes(user_id), since, "+inf", withscores=True)
                asked.get("recsys:forgotten:" + _hidden(user_id))
                return asked.execute()

        return _past(*self._told(read))

    def arrivals(self, *, after: int, limit: int) -> list[Arrival]:
        """As `Store.arrivals` has it."""
        rows = cast("list[tuple[bytes, bytes, bytes]]", self._told(lambda: self._arrivals(args=[after, limit])))
        user = _FIELDS.index("user_id")
        return [
            Arrival(number=int(number), user_id=json.loads(row)[user], event_id=_text(name))
            for number, row, name in rows
        ]

    def forget(self, user_id: str, *, now: Instant) -> int:
        """As `Store.forget` has it."""
        arguments: list[bytes | str | int] = [_bytes(user_id), _hidden(user_id), now]
        return cast("int", self._told(lambda: self._forget(args=arguments)))

    def latest(self) -> Instant | None:
        """As `Store.latest` has it."""
        found = self._told(lambda: self._redis.zscore("recsys:latest", "at"))
        return None if found is None else int(found)

    def change_items(self, items: Mapping[str, str | None]) -> None:
        """As `Store.change_items` has it."""
        told = [(_bytes(item_id), _GONE if columns is None else _THERE + columns) for item_id, columns in items.items()]
        self._told(lambda: self._change(args=[part for pair in told for part in pair]))

    def item_changes(self, *, after: int) -> list[ItemChange]:
        """As `Store.item_changes` has it."""
        rows = cast("list[tuple[bytes, bytes, bytes]]", self._told(lambda: self._changes(args=[after])))
        return [
            ItemChange(
                number=int(number),
                item_id=_text(item_id),
                columns=None if columns.decode() == _GONE else columns.decode().removeprefix(_THERE),
            )
            for item_id, number, columns in rows
        ]

    def announce(self, digest: str) -> None:
        """As `Store.announce` has it."""
        self._told(lambda: self._redis.rpush("recsys:swaps", digest))

    def swaps(self, *, after: int) -> list[Swap]:
        """As `Store.swaps` has it."""
        found = cast("list[bytes]", self._told(lambda: self._redis.lrange("recsys:swaps", after, -1)))
        return [Swap(number=number, digest=digest.decode()) for number, digest in enumerate(found, after + 1)]

    def run_experiment(self, experiment: str | None) -> None:
        """As `Store.run_experiment` has it."""
        self._told(
            lambda: self._redis.rpush("recsys:experiments", _GONE if experiment is None else _THERE + experiment)
        )

    def running(self) -> Running:
        """As `Store.running` has it."""
        with self._redis.pipeline() as asked:
            asked.llen("recsys:experiments")
            asked.lindex("recsys:experiments", -1)
            number, last = self._told(asked.execute)
        there = last is not None and last.decode() != _GONE
        return Running(number=number, experiment=last.decode().removeprefix(_THERE) if there else None)

    def close(self) -> None:
        """As `Store.close` has it."""
        self._redis.close()
        self._fast.close()

    def _told(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except redis.RedisError as error:
            raise StoreError(f"Cannot use the state in Redis: {said(error)}.") from error


def said(error: redis.RedisError) -> str:
    """An error in words that go to the log: a server that refuses a command repeats it, ids and all."""
    if not isinstance(error, redis.ResponseError):
        return str(error)
    code = str(error).partition(" ")[0]
    return f"it answers {type(error).__name__}{f' {code}' if code.isalpha() and code.isupper() else ''}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _hidden(user_id: str) -> str:
    return hashlib.sha256(_bytes(user_id)).hexdigest()


def _row(event: Event) -> str:
    return json.dumps([getattr(event, field) for field in _FIELDS])


def _past(members: Sequence[tuple[bytes, float | bytes]], gone: bytes | None) -> Past:
    events = tuple(_event(member, int(float(counted))) for member, counted in members)
    return Past(events=events, forgotten=None if gone is None else int(gone))


def _event(member: bytes, counted_at: Instant) -> Event:
    row = dict(zip(_FIELDS, json.loads(member.rpartition(b"\0")[2]), strict=True))
    return Event(**(row | {"at": counted_at}))
