"""The command line of lists for key-value serving; nothing heavy is imported before it runs."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    lists: Annotated[Path, typer.Option(help="A directory that `recsys recommend` made.")],
    redis: Annotated[str, typer.Option(envvar="REDIS_URL", help="redis://[[user]:password@]host:port/number.")],
    ttl_hours: Annotated[
        float | None, typer.Option(min=0.01, help="Age at which the lists go; else when others take their place.")
    ] = None,
) -> None:
    """Put finished lists into Redis, a key a user, and let readers see them in one step; print their digest."""
    from pipelines import export as stage

    print(stage.export(lists, url=redis, ttl_hours=ttl_hours))
