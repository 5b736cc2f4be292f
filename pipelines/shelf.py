"""What the service was told of items over HTTP: it counts over the shop's table, there and in every night."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from recsys.data.raw_log import RawLog
from recsys.schema import ITEM_COLUMNS
from serving.store import ItemChange, StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Items as they were put or taken away last.

    Attributes:
        put: the columns of `schema.ITEM_COLUMNS`, a row an item.
        taken: item_ids that no answer may hold any more.
    """

    put: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(ITEM_COLUMNS)))
    taken: frozenset[str] = frozenset()

    @classmethod
    def of(cls, changes: Sequence[ItemChange]) -> "Shelf":
        """The same from a store's changes, each item once.

        Raises:
            StoreError: one of them cannot be read.
        """
        told = {change.item_id: change.columns for change in changes}
        there = {item_id: columns for item_id, columns in told.items() if columns is not None}
        if not there:
            return cls(taken=frozenset(told))
        from serving.item_schemas import row_of  # only where something was put

        try:
            rows = [row_of(item_id, columns) for item_id, columns in sorted(there.items())]
        except ValueError as error:
            raise StoreError("An item of the state cannot be read; put it again, or take it away by DELETE.") from error
        return cls(put=pl.DataFrame(rows, schema=dict(ITEM_COLUMNS)), taken=frozenset(told) - set(there))

    def known_to(self, raw: RawLog) -> RawLog:
        """The shop's tables with the ids of what was put, so that no event is set aside for an unknown item."""
        if self.put.is_empty() or "item_id" not in raw.items.columns:
            return raw
        items = raw.items
        if items.schema["item_id"].is_integer():
            items = items.with_columns(pl.col("item_id").cast(pl.String))
        if items.schema["item_id"] != pl.String:
            return raw  # no ids: whoever judges the table says so
        new = self.put.select("item_id").join(items.select("item_id"), on="item_id", how="anti")
        return replace(raw, items=pl.concat([items, new], how="diagonal"))

    def over(self, items: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """The items with what was put in the place of what they were.

        What was taken away stays, for its events still teach, but cannot be recommended from the last event on.

        Args:
            items: the columns of `schema.ITEM_COLUMNS`.
            events: all of them, with their `timestamp`.
        """
        merged = pl.concat([items.join(self.put, on="item_id", how="anti", maintain_order="left"), self.put])
        last = pl.lit(events["timestamp"].max(), merged.schema["available_until"])
        gone = pl.col("item_id").is_in(self.taken)
        until = pl.when(gone).then(pl.min_horizontal("available_until", last)).otherwise("available_until")
        return merged.with_columns(available_until=until)
