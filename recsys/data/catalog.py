"""The items: who they are and what their text says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.artifacts import digest_of
from recsys.data.cleaning import clean_text
from recsys.data.storage import read_json, read_table, write_json
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError
from recsys.schema import ITEM_COLUMNS, BoolArray, Instant, LongArray

_LONG = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All items, one row each, in the order of their dense index.

    Attributes:
        items: item_idx (i32, equal to the row number), every column of `schema.ITEM_COLUMNS` (null where the shop gave
            none) and `text`, what an encoder reads; never null, may be empty.
        vocabulary: item_id ↔ item_idx.
        digest: sha256 over ids and texts: what vectors depend on.
        since, until: int64 (n_items,), `available_from` and `available_until` in µs, the ends of time where there is
            none; None where no item has one.
    """

    items: pl.DataFrame
    vocabulary: Vocabulary
    digest: str
    since: LongArray | None = field(init=False)
    until: LongArray | None = field(init=False)

    def __post_init__(self) -> None:
        # worked out once: every answer asks
        object.__setattr__(self, "since", _instants(self.items["available_from"], missing=_LONG.min))
        object.__setattr__(self, "until", _instants(self.items["available_until"], missing=_LONG.max))

    @classmethod
    def of(cls, items: pl.DataFrame, *, text_chars: int) -> "Catalog":
        """Build from validated rows with distinct, non-null item_id; missing columns become null."""
        return cls._whole(_numbered(_read(items, text_chars).sort("item_id")))

    def put(self, items: pl.DataFrame, *, text_chars: int) -> "Catalog":
        """With some items added at the end, in the given order, or replaced where their item_id is known.

        Every other item keeps its index. The digest is that of this catalogue and of what was put.

        Args:
            items: validated rows with distinct, non-null item_id; missing columns become null.
            text_chars: as for `of`.
        """
        fresh = _read(items, text_chars)
        known = self.vocabulary.encode(fresh["item_id"].to_list())
        given = len(self) + np.arange(len(fresh))
        rows = np.concatenate([np.arange(len(self)), given[known < 0]])
        rows[known[known >= 0]] = given[known >= 0]
        table = _numbered(pl.concat([self.items.drop("item_idx"), fresh])[rows])
        told = digest_of([self.digest, fresh["item_id"].to_list(), fresh["text"].to_list()])
        return Catalog(items=table, vocabulary=Vocabulary.ordered(table["item_id"].to_list()), digest=told)

    @classmethod
    def _whole(cls, table: pl.DataFrame) -> "Catalog":
        vocabulary = Vocabulary.ordered(table["item_id"].to_list())
        digest = digest_of([vocabulary.digest, table["text"].to_list()])
        return cls(items=table, vocabulary=vocabulary, digest=digest)

    def save(self, directory: Path) -> None:
        """Write `items.parquet` and `catalog.json` into an existing directory."""
        self.items.write_parquet(directory / "items.parquet")
        write_json(directory / "catalog.json", {"digest": self.digest, "n_items": len(self)})

    @classmethod
    def load(cls, directory: Path) -> "Catalog":
        """Read what `save` wrote.

        Raises:
            ArtifactError: a file is missing or malformed, or the items are not those the digest was made of.
        """
        schema = {"item_idx": pl.Int32(), **ITEM_COLUMNS, "text": pl.String()}
        catalog = cls._whole(read_table(directory / "items.parquet", schema))
        expected = read_json(directory / "catalog.json").get("digest")
        in_order = catalog.items["item_idx"].equals(pl.Series("item_idx", range(len(catalog)), dtype=pl.Int32))
        if catalog.digest != expected or not in_order:
            raise ArtifactError(
                f"{directory}: expected the catalogue {str(expected)[:12]}…, its rows make {catalog.digest[:12]}…; "
                "make the catalogue again."
            )
        return catalog

    def __len__(self) -> int:
        return len(self.items)

    @property
    def texts(self) -> Sequence[str]:
        """What the encoder reads, item by item."""
        return self.items["text"].to_list()

    def known_before(self, as_of: Instant, seen: BoolArray) -> BoolArray:
        """(n_items,) items with an event (`seen`) or a created_at before `as_of`."""
        created = (self.items["created_at"].dt.epoch("us") < as_of).fill_null(False).to_numpy()
        return np.asarray(seen | created)


def _instants(moments: pl.Series, *, missing: Instant) -> LongArray | None:
    """int64 µs, `missing` for null; None where all are null."""
    if moments.null_count() == len(moments):
        return None
    return np.asarray(moments.dt.epoch("us").fill_null(missing).to_numpy(), np.int64)


def _read(items: pl.DataFrame, text_chars: int) -> pl.DataFrame:
    """All of `ITEM_COLUMNS`, and the text."""
    missing = [pl.lit(None, dtype=t).alias(c) for c, t in ITEM_COLUMNS.items() if c not in items.columns]
    table = items.with_columns(missing).select(*ITEM_COLUMNS)
    return table.with_columns(text=text_expression().str.slice(0, text_chars))


def _numbered(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_row_index("item_idx").with_columns(pl.col("item_idx").cast(pl.Int32))


def text_expression() -> pl.Expr:
    """The text of an item: title, category, brand, tags, description; the same for training, batch and online."""
    tags = pl.col("tags").list.join(", ", ignore_nulls=True)
    parts = [pl.col("title"), pl.col("category"), pl.col("brand"), tags, pl.col("description")]
    clean = [clean_text(p) for p in parts]
    return pl.concat_str([pl.when(c != "").then(c) for c in clean], separator=". ", ignore_nulls=True)


def item_text(item: Mapping[str, Any], *, text_chars: int) -> str:
    """The text of one item given as a mapping of `schema.ITEM_COLUMNS`, as a catalogue would hold it."""
    row = pl.DataFrame([{c: item.get(c) for c in ITEM_COLUMNS}], schema=dict(ITEM_COLUMNS))
    return str(row.select(text_expression().str.slice(0, text_chars)).item())
