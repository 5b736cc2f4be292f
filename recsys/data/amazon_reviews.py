"""Amazon Reviews 2023: CATEGORY.jsonl and meta_CATEGORY.jsonl, packed by gzip or not (Hou et al. 2024, "Bridging
Language and Items for Retrieval and Recommendation").
"""

from pathlib import Path

import polars as pl

from recsys.data.raw_log import RawLog
from recsys.data.tables import read_table
from recsys.errors import SchemaError

_META = "meta_"
_ITEM = pl.Schema(
    {
        "parent_asin": pl.String(),
        "title": pl.String(),
        "main_category": pl.String(),
        "categories": pl.List(pl.String()),
        "features": pl.List(pl.String()),
        "description": pl.List(pl.String()),
        "store": pl.String(),
        "price": pl.String(),
    }
)
_REVIEW = pl.Schema(
    {"user_id": pl.String(), "parent_asin": pl.String(), "rating": pl.Float64(), "timestamp": pl.Int64()}
)


def found(path: Path) -> bool:
    """Whether the directory holds such files."""
    return any(path.glob(f"{_META}*.jsonl*"))


def read(path: Path) -> RawLog:
    """A `rating` for each review, of all categories in the directory; errors as of `read_table`.

    An item is a `parent_asin`, the first where categories share one. Average ratings, numbers of ratings and
    reviews' words are not read: they know the future of most events.

    Raises:
        SchemaError: a category has no reviews beside its items.
    """
    metas = sorted(path.glob(f"{_META}*.jsonl*"))
    items = pl.concat(read_table(_items, meta) for meta in metas).unique("item_id", keep="first", maintain_order=True)
    events = pl.concat(read_table(_reviews, _beside(meta)) for meta in metas)
    return RawLog(items=items, events=events)


def _beside(meta: Path) -> Path:
    name = meta.name.removeprefix(_META).split(".jsonl")[0]
    for ending in (".jsonl", ".jsonl.gz"):
        if (reviews := meta.with_name(name + ending)).is_file():
            return reviews
    raise SchemaError(f"Expected {name}.jsonl beside {meta}, found none; bring the reviews of the category, too.")


def _items(path: Path) -> pl.DataFrame:
    words = pl.concat_list(pl.col("features").fill_null([]), pl.col("description").fill_null([])).list.join(" ")
    return pl.read_ndjson(path, schema=_ITEM).select(
        pl.col("parent_asin").alias("item_id"),
        "title",
        words.replace("", None).alias("description"),
        pl.coalesce(pl.col("categories").list.last(), "main_category").alias("category"),
        pl.col("store").alias("brand"),
        pl.col("categories").alias("tags"),
        # "from 12.99" and "—" are no price
        pl.col("price").cast(pl.Float64, strict=False),
    )


def _reviews(path: Path) -> pl.DataFrame:
    return pl.read_ndjson(path, schema=_REVIEW).select(
        "user_id",
        pl.col("parent_asin").alias("item_id"),
        pl.lit("rating").alias("event"),
        "timestamp",
        pl.col("rating").alias("value"),
    )
