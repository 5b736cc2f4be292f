"""Small lists as `recsys recommend` leaves them, readers of Redis, and exports that the tests kill."""

import json
import multiprocessing
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import redis

from recsys.artifacts import publish

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.pipelines.exported", "pipelines.export"])


def written(
    folder: Path, lists: Mapping[str, list[str]], *, size: int = 1000, since: int | None = None, **columns: str
) -> Path:
    """Lists of these items, scores falling from 1 by tenths; `columns` have one value."""
    users = sorted(lists)
    with publish(folder, kind="recommendations", config={"since": since, "users": len(users)}) as work:
        for number, start in enumerate(range(0, max(len(users), 1), size)):
            rows = [
                (user, item, rank, 1 - rank / 10)
                for user in users[start : start + size]
                for rank, item in enumerate(lists[user])
            ]
            schema = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32}
            told = {name: pl.lit(value) for name, value in columns.items()}
            table = pl.DataFrame(rows, schema, orient="row").with_columns(**told)
            table.write_parquet(work / f"part-{number:05d}.parquet")
    return folder


def read(client: redis.Redis, user: str) -> list[str] | None:
    """What a reader does: two looks."""
    digest = client.get("recsys:lists:current")
    found = None if digest is None else client.get(b"recsys:lists:%b:%b" % (digest, user.encode()))
    return None if found is None else json.loads(found)["item_id"]


def _export(lists: Path, url: str, lease: float) -> None:
    from pipelines import redis_server
    from pipelines.export import export

    redis_server.LEASE_SECONDS = lease
    export(lists, url=url, ttl_hours=None)


def begun(lists: Path, url: str, *, lease: float = 0.5) -> "multiprocessing.process.BaseProcess":
    """A process that exports."""
    process = _CONTEXT.Process(target=_export, args=(lists, url, lease), daemon=True)
    process.start()
    return process
