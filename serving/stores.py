"""The store that a name stands for."""

from pathlib import Path

from serving.store import Store


def store_at(state: str) -> Store:
    """A file, or the redis:// address of a server.

    Raises:
        StoreError: it cannot be used.
    """
    if "://" not in state:
        from serving.sqlite import SqliteStore

        return SqliteStore(Path(state))
    from serving.redis import RedisStore  # only who uses a server needs its client

    return RedisStore(state)
