"""Lists for many users from one bundle, in this process or by a pool of Ray's actors."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipelines import partitions, ray_pool
from pipelines.console import err, progress
from pipelines.list_arms import Maker, loaded, read_experiment
from pipelines.list_maker import Wanted
from pipelines.partitions import Partitions
from pipelines.ray_pool import Engine, RayPool, Work
from recsys import __version__
from recsys.artifacts import digest_of, read_manifest
from recsys.bundle import Bundle
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError, UsageError
from recsys.schema import Instant, instant_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Who gets a list.

    Attributes:
        users: a text file, one user_id a line; all known users if None.
        since: ISO 8601, UTC where it tells no zone: of those, only who did something at or after it.
    """

    users: Path | None = None
    since: str | None = None


def recommend(wanted: Wanted, *, out: Path, whom: Whom, engine: Engine = "local", workers: int | None = None) -> None:
    """Write `out`/part-*.parquet and a manifest: k items for each user, as of the bundle's end.

    Users are sorted and cut into partitions of `partitions.USERS`, each finished by itself in a folder beside `out`:
    the same question asked again goes on from there, by either engine, and ends with the same bytes.

    Args:
        wanted: bundle, length, filters and experiment of the lists.
        out: a directory that does not exist yet, or an earlier result, which is replaced.
        whom: the users.
        engine: this process, one thread; or a pool of Ray's actors, each with the bundle, which with `out`'s folder
            must lie where all machines of the cluster see it.
        workers: how many actors; as many as there are CPUs if None.

    Raises:
        UsageError: `out` is something else or written by another process, or a question that cannot be read.
        ArtifactError: the bundle is incomplete or altered, or the disk is full.
    """
    _check(out)
    ray_pool.check(engine, workers)
    since = None if whom.since is None else _instant(whom.since)
    asked = None if whom.users is None else _read(whom.users)
    wanted = replace(wanted, bundle=wanted.bundle.resolve())  # `current` may move on before an actor reads it
    maker, experiment = loaded(wanted), None if wanted.experiment is None else read_experiment(wanted.experiment)
    ids = Vocabulary.of(_chosen(maker.bundle, asked, since))
    question: dict[str, Any] = {
        "k": wanted.k,
        "filters": wanted.filters,
        "users_digest": ids.digest,
        "partition": partitions.USERS,
    }
    question["experiment"] = None if experiment is None else experiment.model_dump(mode="json")
    arms = {} if experiment is None else {f"bundle of {arm.name}": arm.bundle for arm in experiment.arms if arm.bundle}
    key = digest_of([maker.bundle.digest, question, __version__])
    with Partitions.opened(out, key=key, users=ids.ids, size=partitions.USERS) as parts:
        work = partial(_loaded, wanted, parts.folder)
        _make(maker, parts, RayPool(load=work, workers=workers) if engine == "ray" else None)
        parts.publish(config={**question, "since": since}, parents={"bundle": maker.bundle.digest, **arms})
    err.print(f"{len(ids)} lists in {out}", markup=False)


def _make(maker: Maker, parts: Partitions, pool: RayPool | None) -> None:
    """Finish the partitions that are left, and tell how that goes."""
    left = parts.left()
    if len(left) < len(parts):
        err.print(f"  {len(parts) - len(left)} of {len(parts)} partitions were finished before", markup=False)
    total, done, start = sum(len(parts.of(number)) for number in left), 0, time.monotonic()
    finished = _here(maker, parts, left) if pool is None else pool.finished({n: parts.of(n) for n in left})
    with progress("users") as show:
        for number in finished:
            done += len(parts.of(number))
            show(done, total, {"users/s": done / max(time.monotonic() - start, 1e-9)})


def _here(maker: Maker, parts: Partitions, left: Sequence[int]) -> Iterator[int]:
    """The numbers of the partitions, as each is finished by this process."""
    with threadpool_limits(1):
        for number in left:
            partitions.write(parts.folder, number, maker.table(parts.of(number)))
            yield number


def _loaded(wanted: Wanted, folder: Path) -> Work:
    """What an actor does: the bundle is read once, then partitions come, each with its users."""
    maker = loaded(wanted)
    return lambda number, users: partitions.write(folder, number, maker.table(users))


def _check(out: Path) -> None:
    """Only lists are replaced by lists."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        read_manifest(out, kind=partitions.KIND)
    except ArtifactError as error:
        raise UsageError(f"{out} exists and holds no lists; choose another --out.") from error


def _chosen(bundle: Bundle, asked: Sequence[str] | None, since: Instant | None) -> Sequence[str]:
    """Whoever is asked for and did something since."""
    ids = bundle.users.ids if asked is None else asked
    if since is None:
        return ids
    changed = set(bundle.users.decode(np.unique(bundle.snapshot.rows[bundle.snapshot.at >= since])))
    return [user for user in ids if user in changed]


def _instant(text: str) -> Instant:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f'Expected --since as a time such as "2011-10-01T12:00Z", got {text!r}.') from error
    return instant_of(time if time.tzinfo else time.replace(tzinfo=UTC))


def _read(users: Path) -> list[str]:
    try:
        return [name for line in users.read_text().splitlines() if (name := line.strip())]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read --users {users}: {error}; expected a text file, one user_id a line.") from error
