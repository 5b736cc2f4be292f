"""What may be recommended at all."""

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.contacts import contacts
from recsys.data.interactions import Histories
from recsys.errors import ShapeError
from recsys.schema import BoolArray, Instant


def available(catalog: Catalog, *, as_of: Instant) -> BoolArray:
    """(n_items,) items with available_from ≤ as_of < available_until, where given."""
    mask = np.ones(len(catalog), np.bool_)
    if catalog.since is not None:
        mask &= catalog.since <= as_of
    if catalog.until is not None:
        mask &= as_of < catalog.until
    return mask


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
