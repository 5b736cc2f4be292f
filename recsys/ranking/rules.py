"""What may be recommended at all."""

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories
from recsys.errors import ShapeError
from recsys.retrieval.collaborative import contacts
from recsys.schema import BoolArray, Instant


def available(catalog: Catalog, *, as_of: Instant) -> BoolArray:
    """(n_items,) items with available_from ≤ as_of < available_until, where given."""
    since = pl.col("available_from").dt.epoch("us") <= as_of
    until = pl.col("available_until").dt.epoch("us") > as_of
    open_ = catalog.items.select(since.fill_null(True) & until.fill_null(True)).to_series()
    return np.asarray(open_.to_numpy(), np.bool_)


def unseen(histories: Histories, n_items: int) -> BoolArray:
    """(n, n_items) False where the user took the item or turned it down."""
    met = contacts(histories)
    mask = np.ones((len(histories), n_items), np.bool_)
    mask[met.rows, met.item_idx] = False
    return mask


def permitted(n: int, n_items: int, masks: list[BoolArray | None]) -> BoolArray:
    """(n, n_items) where every mask, (n_items,) or (n, n_items), says True.

    Raises:
        ShapeError: a mask of another shape.
    """
    total = np.ones((n, n_items), np.bool_)
    for mask in masks:
        if mask is None:
            continue
        if mask.shape not in ((n_items,), (n, n_items)):
            raise ShapeError(f"Expected a mask of shape {(n_items,)} or {(n, n_items)}, got {mask.shape}.")
        total &= mask
    return total
