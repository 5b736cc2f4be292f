"""The command line of the nightly operation; nothing heavy is imported before it runs."""

from pathlib import Path
from typing import Annotated

import typer


def cycle(
    directory: Annotated[Path, typer.Option("--cycle", help="The directory of all nights; serve DIR/bundles.")],
    data: Annotated[str, typer.Option(help="The shop's tables: a directory in an input form, or a known source.")],
    log: Annotated[
        Path | None, typer.Option(help="The policy log that `recsys serve --log` writes; else DIR/serving/log.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="As for `recsys serve`: who is told of a new bundle; else beside the bundles.")
    ] = None,
    keep: Annotated[int, typer.Option(min=1, help="Bundles that stay, beside those in use.")] = 5,
    k: Annotated[int, typer.Option(min=1, help="Items a batch list.")] = 20,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")] = None,
) -> None:
    """One night: take in the log, retrain, pass the gate, publish, try, make lists; nothing where nothing is new."""
    from pipelines import cycle as nightly
    from recsys import settings

    order = nightly.Order(
        directory=directory,
        data=data,
        log=log,
        state=state,
        settings=settings.load(config, set_ or []),
        keep=keep,
        k=k,
    )
    found = nightly.cycle(order)
    print(f"{found.status}\t{found.bundle}\t{found.night}")
