"""Command line of task heads, `recsys head train | predict | score`; nothing heavy is imported before one runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Task heads: classes of texts, tags of words.", no_args_is_help=True)

DataOption = Annotated[
    Path,
    typer.Option(
        help="classify: Parquet, CSV, TSV or JSONL with text and label. tag: CoNLL columns (.txt, .conll, .bio), or "
        "JSONL or Parquet with words and tags."
    ),
]
HeadOption = Annotated[Path, typer.Option(help="A directory that `head train` made.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def train(
    task: Annotated[Literal["classify", "tag"], typer.Option(help="One class a text, or one tag a word.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The head's directory; its name begins the ranker's features.")],
    base: Annotated[str | None, typer.Option(help="Pretrained encoder to start from, as encoder.base.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Start from a run's teacher instead.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="head.key=value; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """Train a head on labelled examples; some are held out and stop it early."""
    from pipelines import head

    assignments = [*(set_ or []), *([f"encoder.base={base}"] if base is not None else [])]
    order = head.Order(task=task, data=data, out=out, teacher=teacher, config=config, assignments=assignments)
    head.train(order, form="json" if json else "table")


@app.command()
def predict(
    head: HeadOption,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Where the predictions go: .parquet or .jsonl.")],
) -> None:
    """Label the texts of a file, or tag its words; labels in the file are not looked at."""
    from pipelines import head as stage

    stage.predict(head, data, out)


@app.command()
def score(head: HeadOption, data: DataOption, json: JsonOption = False) -> None:
    """Precision, recall and F1 on labelled examples."""
    from pipelines import head as stage

    stage.score(head, data, form="json" if json else "table")
