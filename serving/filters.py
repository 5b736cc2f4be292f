"""From a request's filters to the items it allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.vocabulary import Vocabulary
from recsys.schema import BoolArray, DoubleArray, IntArray
from serving.schemas import Facet, Filters

Postings = Mapping[str, IntArray]
"""Value of a column → the item_idx that carry it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """The catalogue by what can be filtered on.

    Attributes:
        category, brand, tags: value → items.
        price: float64 (n_items,), NaN where unknown.
        vocabulary: item_id ↔ item_idx.
        gone: items, by item_id, that were taken away.
        there: bool (n_items,), the others.
    """

    category: Postings
    brand: Postings
    tags: Postings
    price: DoubleArray
    vocabulary: Vocabulary
    gone: frozenset[str]
    there: BoolArray

    @classmethod
    def of(cls, catalog: Catalog, gone: frozenset[str] = frozenset()) -> "Shelves":
        """Sort a catalogue into shelves, without the items that are gone."""
        items, there = catalog.items, np.ones(len(catalog), np.bool_)
        left = catalog.vocabulary.encode(gone)
        there[left[left >= 0]] = False
        return cls(
            category=_postings(items, "category"),
            brand=_postings(items, "brand"),
            tags=_postings(items.explode("tags"), "tags"),
            price=items["price"].fill_null(float("nan")).to_numpy(),
            vocabulary=catalog.vocabulary,
            gone=gone,
            there=there,
        )

    def allowed(self, filters: Filters | None) -> BoolArray | None:
        """(n_items,) True where every condition is met; None where there is no condition, and nothing is gone."""
        if filters is None:
            return self.there if self.gone else None
        mask = self.there.copy()
        for facet, postings in (
            (filters.category, self.category),
            (filters.brand, self.brand),
            (filters.tags, self.tags),
        ):
            mask &= self._facet(facet, postings)
        if filters.price is not None:
            if filters.price.min is not None:
                mask &= self.price >= filters.price.min
            if filters.price.max is not None:
                mask &= self.price <= filters.price.max
        if filters.item_ids is not None:
            if filters.item_ids.allow is not None:
                mask &= self._named(filters.item_ids.allow)
            if filters.item_ids.deny is not None:
                mask &= ~self._named(filters.item_ids.deny)
        return mask

    def _facet(self, facet: Facet | None, postings: Postings) -> BoolArray:
        mask = np.ones(len(self.price), np.bool_)
        if facet is not None and facet.any is not None:
            mask &= self._carrying(facet.any, postings)
        if facet is not None and facet.none is not None:
            mask &= ~self._carrying(facet.none, postings)
        return mask

    def _carrying(self, values: Sequence[str], postings: Postings) -> BoolArray:
        mask = np.zeros(len(self.price), np.bool_)
        for value in values:
            if value in postings:
                mask[postings[value]] = True
        return mask

    def _named(self, item_ids: Sequence[str]) -> BoolArray:
        mask = np.zeros(len(self.price), np.bool_)
        item_idx = self.vocabulary.encode(item_ids)
        mask[item_idx[item_idx >= 0]] = True
        return mask


def _postings(items: pl.DataFrame, column: str) -> Postings:
    groups = items.select("item_idx", column).drop_nulls().group_by(column, maintain_order=True).agg("item_idx")
    return {value: np.array(rows, np.int32) for value, rows in groups.iter_rows()}
