"""MIND, the Microsoft News Dataset: news.tsv and behaviors.tsv (Wu et al. 2020, "MIND: A Large-scale Dataset for News
Recommendation").
"""

from pathlib import Path

import polars as pl

from recsys.data.instants import iso
from recsys.data.raw_log import RawLog
from recsys.data.tables import read_table

_NEWS = ("item_id", "category", "subcategory", "title", "description", "url", "title_entities", "abstract_entities")
_BEHAVIORS = ("request_id", "user_id", "timestamp", "history", "shown")
_TIME = "%m/%d/%Y %I:%M:%S %p"


def found(path: Path) -> bool:
    """Whether the directory holds such files."""
    return (path / "behaviors.tsv").is_file()


def read(path: Path) -> RawLog:
    """An `impression` for each item shown and a `click` for each of those taken; errors as of `read_table`.

    The items of one impression stand in the files in no order, so there are no positions. The clicks of `history` have
    no time and are left out, and so are impressions that do not tell what was clicked, as those of MIND's test part.
    Times are taken for UTC where the mapping names no zone.
    """
    news = read_table(lambda file: _tabs(file, _NEWS), path / "news.tsv")
    behaviors = read_table(lambda file: _tabs(file, _BEHAVIORS), path / "behaviors.tsv")
    shown = (
        behaviors.select("request_id", "user_id", iso(pl.col("timestamp"), _TIME), pl.col("shown").str.split(" "))
        .explode("shown", empty_as_null=False)
        .with_columns(pl.col("shown").str.replace(r"-[01]$", "").alias("item_id"))
        .with_columns(clicked=pl.col("shown").str.extract(r"-([01])$"))
    )
    told = shown.filter(pl.col("clicked").is_not_null())
    names = pl.when(pl.col("clicked") == "1").then(["impression", "click"]).otherwise(["impression"])
    events = told.select("user_id", "item_id", "timestamp", "request_id", event=names).explode("event")
    filtered = {
        "clicked at no known time": _clicks_without_time(behaviors),
        "not told whether clicked": len(shown) - len(told),
    }
    return RawLog(
        items=news.select("item_id", "title", "description", "category", tags=pl.concat_list("subcategory")),
        events=events,
        filtered={rule: n for rule, n in filtered.items() if n},
        timezone="UTC",
    )


def _clicks_without_time(behaviors: pl.DataFrame) -> int:
    """Distinct clicks of histories, which each of a user's rows repeats."""
    histories = behaviors.select("user_id", "history").unique().drop_nulls()
    return len(histories.with_columns(pl.col("history").str.split(" ")).explode("history").unique())


def _tabs(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.read_csv(
        path, separator="\t", has_header=False, new_columns=list(columns), infer_schema=False, quote_char=None
    )
