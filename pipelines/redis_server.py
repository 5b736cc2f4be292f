"""A Redis server that one process at a time writes lists to; the only file of the stages with its client."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipelines.console import err
from recsys.errors import UsageError
from serving.redis import said
from serving.store import StoreError

R = TypeVar("R")

LOCK = "recsys:lists:lock"

LEASE_SECONDS = 15.0
"""How long the lock outlives a process that is killed; one that works renews it with all it sends."""

_SECONDS = 10.0
"""How long an answer is waited for."""

_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server whose lock this process holds.

    Attributes:
        client: its client.
        where: host and port, or the socket, with no secret.
        token: what the lock holds.
    """

    client: "redis.Redis"
    where: str
    token: str

    @classmethod
    @contextmanager
    def opened(cls, url: str) -> Iterator["Server"]:
        """Hold the lock until the block ends, or until a lease after the process does.

        Args:
            url: redis://[[user]:password@]host:port/number, or rediss:// or unix://; no sentence repeats it.

        Raises:
            UsageError: no such address, or another process holds the lock.
            StoreError: no such server, or it turns us away.
        """
        client, where = _client(url)
        server = cls(client=client, where=where, token=secrets.token_hex(16))
        try:
            server._lock()
            try:
                yield server
            finally:
                with suppress(redis.RedisError):  # it lapses
                    client.eval(_RELEASE, 1, LOCK, server.token)
        finally:
            client.close()

    def ask(self, work: Callable[["redis.Redis"], R]) -> R:
        """What the client finds.

        Raises:
            StoreError: the server fails.
        """
        try:
            return work(self.client)
        except redis.RedisError as error:
            raise StoreError(
                f"Cannot write lists to Redis at {self.where}: {said(error).rstrip('.')}; run again to go on."
            ) from error

    def send(self, commands: Sequence[Sequence[str | bytes | int]]) -> None:
        """Some commands, each its name and arguments, in one go, which renews the lock.

        Raises:
            StoreError: the server fails, or the lock has gone to another.
        """

        def together(client: "redis.Redis") -> list[Any]:
            with client.pipeline(transaction=False) as pipe:
                pipe.eval(_RENEW, 1, LOCK, self.token, int(LEASE_SECONDS * 1000))
                for command in commands:
                    pipe.execute_command(*command)  # type: ignore[no-untyped-call]
                return list(pipe.execute())

        if not self.ask(together)[0]:
            raise self._lost()

    def run(self, script: str, *arguments: str | int, keys: Sequence[str]) -> Any:
        """What a script answers; KEYS[1] is the lock, ARGV[1] what it holds where it is ours.

        Raises:
            StoreError: the server fails, or the answer is nothing or 0: the lock is not ours, or something is missing.
        """
        found = self.ask(lambda client: client.eval(script, 1 + len(keys), LOCK, *keys, self.token, *arguments))
        if not found:
            raise self._lost()
        return found

    def _lock(self) -> None:
        """Take it, at the latest a lease after whoever held it has died."""
        lease, end, waited = int(LEASE_SECONDS * 1000), time.monotonic() + LEASE_SECONDS + 1, False
        while not self.ask(lambda client: client.set(LOCK, self.token, nx=True, px=lease)):
            if time.monotonic() > end:
                raise UsageError(
                    f"Expected to be alone in the lists of Redis at {self.where}, but another process writes there; "
                    "wait until it has ended."
                )
            if not waited:
                err.print("  another process writes lists there, or was killed a moment ago; waiting", markup=False)
            waited = True
            time.sleep(0.1)

    def _lost(self) -> StoreError:
        return StoreError(
            f"Redis at {self.where} has lost what was written, or given the lock to another process; readers see "
            "what they saw before. Run again to go on."
        )


def _client(url: str) -> "tuple[redis.Redis, str]":
    """A client, and who it speaks to."""
    again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    try:
        client = redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=again)
        client.connection_pool.make_connection()
    except (ValueError, TypeError, AttributeError):  # whose words repeat the address, with its password
        raise UsageError("Expected --redis as redis://[[user]:password@]host:port/number, got another form.") from None
    given = client.connection_pool.connection_kwargs
    return client, given.get("path") or f"{given.get('host', 'localhost')}:{given.get('port', 6379)}"
