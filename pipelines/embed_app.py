"""The command line of the stage embed; nothing heavy is imported before it runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def embed(
    run: Annotated[Path, typer.Option("--run", help="The run directory.")],
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Who reads the texts: this process, or a pool of Ray's actors.")
    ] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Ray's actors; else as many as there is room for.")] = None,
) -> None:
    """Encode the items and build the FAISS index; run again to go on after an interruption."""
    from pipelines import river

    river.embed(run, engine=engine, workers=workers)
