"""Lists for many users from one bundle."""

from pathlib import Path

import polars as pl

from pipelines import lists
from pipelines.console import err, progress
from recsys.artifacts import publish
from recsys.bundle import Bundle
from recsys.errors import UsageError

BLOCK = 1024


def recommend(*, bundle: Path, out: Path, users: Path | None, k: int) -> None:
    """Write `out`/part-*.parquet and a manifest: k items for each user, as of the bundle's end.

    Args:
        bundle: a bundle directory.
        out: a directory that does not exist yet, or an earlier result, which is replaced.
        users: a text file, one user_id a line; all known users if None.
        k: items a list.

    Raises:
        UsageError: `out` is something else, or `users` cannot be read.
        ArtifactError: the bundle is incomplete or altered.
    """
    if out.exists() and any(out.iterdir()) and not (out / "manifest.json").is_file():
        raise UsageError(f"{out} exists and holds no lists; choose another --out.")
    loaded = Bundle.load(bundle.resolve())
    ids = list(loaded.users.ids) if users is None else _read(users)
    parents = {"bundle": loaded.digest}
    target = publish(out, kind="recommendations", config={"k": k, "users": len(ids)}, parents=parents)
    with target as work, progress("users") as show:
        for number, start in enumerate(range(0, len(ids), BLOCK)):
            block = ids[start : start + BLOCK]
            found = loaded.recommender.recommend(loaded.histories(block), k=k, as_of=loaded.end)
            lists.table(found, block, loaded.catalog.vocabulary).write_parquet(work / f"part-{number:05d}.parquet")
            show(start + len(block), len(ids), {})
    err.print(f"{len(ids)} lists in {out}", markup=False)


def _read(users: Path) -> list[str]:
    try:
        lines = pl.Series([line.strip() for line in users.read_text().splitlines()], dtype=pl.String)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read --users {users}: {error}; expected a text file, one user_id a line.") from error
    return lines.filter(lines != "").unique(maintain_order=True).to_list()
