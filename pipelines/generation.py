"""All lists of one digest in a Redis server, a key a user.

    recsys:lists:current            digest of the lists that are read
    recsys:lists:<digest>:<user>    a list
    recsys:lists:making             what is finished of those that are being written

Readers take the digest, then the list. They see a whole generation: the digest moves when everything is there, in one
step, and the lists before stay for as long as a reader may lie between the two looks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from pipelines.redis_server import LOCK, Server

PREFIX = "recsys:lists:"
CURRENT, MAKING = PREFIX + "current", PREFIX + "making"

FORMER_SECONDS = 60
"""How long lists stay when others have taken their place."""

_AT_ONCE = 256
"""Commands that are sent together: what is in memory, and how long the server is kept from others."""

# what was begun of other lists is not gone on with later: parts of it may be gone by then
_BEGIN = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[2], 'digest') ~= ARGV[2] then
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[2], 'digest', ARGV[2], 'until', ARGV[3])
    if ARGV[3] ~= '' then redis.call('EXPIREAT', KEYS[2], ARGV[3]) end
end
return redis.call('HGETALL', KEYS[2])
"""
_FINISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], 1)
return 1
"""
_SHOW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[2]) then return 0 end
local to = redis.call('HGET', KEYS[2], 'until')
redis.call('SET', KEYS[3], redis.call('HGET', KEYS[2], 'digest'))
if to ~= '' then redis.call('EXPIREAT', KEYS[3], to) end
redis.call('DEL', KEYS[2])
return 1
"""
_FACTS = 2
"""Fields of `making` that are no parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Lists on their way to readers.

    Attributes:
        server: where to.
        digest: of the lists.
        until: when all of it goes, seconds since the epoch; None never.
        finished: names of the parts that were there when it was begun, or gone on with.
    """

    server: Server
    digest: str
    until: int | None
    finished: frozenset[str]

    @classmethod
    def begun(cls, server: Server, digest: str, *, seconds: int | None) -> "Generation":
        """Begin to write it, or go on where a process was interrupted.

        Args:
            server: where to.
            digest: of the lists.
            seconds: after which all of it goes, counted from where it was first begun; None keeps it.

        Raises:
            StoreError: the server fails, or the lock has gone to another.
        """
        until = "" if seconds is None else str(server.ask(lambda client: client.time()[0]) + seconds)
        told = server.run(_BEGIN, digest, until, keys=[MAKING])
        facts = dict(zip(told[::2], told[1::2], strict=True))
        to = facts.pop(b"until")
        parts = frozenset(name.decode() for name in facts if name != b"digest")
        return cls(server=server, digest=digest, until=int(to) if to else None, finished=parts)

    def write(self, part: str, lists: Iterable[tuple[str, str]]) -> None:
        """Finish a part.

        Args:
            part: its name.
            lists: user_id and list.

        Raises:
            StoreError: the server fails, or the lock has gone to another; then it is not finished.
        """
        start, left = f"{PREFIX}{self.digest}:", iter(lists)
        until = () if self.until is None else ("EXAT", self.until)
        while some := list(islice(left, _AT_ONCE)):
            self.server.send([("SET", start + user, each, *until) for user, each in some])
        self.server.run(_FINISH, part, keys=[MAKING])

    def show(self, *, parts: int) -> None:
        """Let readers see it, if so many parts are there.

        Raises:
            StoreError: the server fails, they are not, or the lock has gone to another; readers see what they saw.
        """
        self.server.run(_SHOW, parts + _FACTS, keys=[MAKING, CURRENT])


def is_current(server: Server, digest: str) -> bool:
    """Whether readers see these lists."""
    return bool(server.ask(lambda client: client.get(CURRENT)) == digest.encode())


def tidied(server: Server, digest: str) -> int:
    """Let all lists but these go, within `FORMER_SECONDS`; how many there are.

    Raises:
        StoreError: the server fails, or the lock has gone to another.
    """
    ours, kept = f"{PREFIX}{digest}:".encode(), {name.encode() for name in (CURRENT, MAKING, LOCK)}
    found = server.ask(lambda client: client.scan_iter(match=PREFIX + "*", count=_AT_ONCE))
    others = (key for key in found if key not in kept and not key.startswith(ours))
    gone = 0
    while some := server.ask(lambda _: list(islice(others, _AT_ONCE))):
        server.send([("EXPIRE", key, FORMER_SECONDS) for key in some])
        gone += len(some)
    return gone
