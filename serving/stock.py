"""The service with items that came, changed or went since its bundle was made."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from recsys.bundle import Bundle
from recsys.data.catalog import Catalog, item_text
from recsys.data.interactions import Histories
from recsys.schema import ITEM_COLUMNS, Instant
from serving.failures import places
from serving.filters import Shelves
from serving.item_schemas import row_of
from serving.service import Service
from serving.store import ItemChange

_LOG = logging.getLogger(__name__)


def restocked(service: Service) -> Service:
    """The same with the changes of items that it does not know of yet.

    Raises:
        StoreError: the state cannot be read.
    """
    return stocked(service, service.store.item_changes(after=service.stock))


def stocked(service: Service, changes: Sequence[ItemChange]) -> Service:
    """The service that knows of changes of items: texts are encoded and found, what is gone is in no answer.

    A change that cannot be made is told in the log and passed over: it must not keep the others from being made, nor
    the service from starting.

    Args:
        service: one that knows of every earlier change.
        changes: by number, ascending, each item once.
    """
    if not changes:
        return service
    try:
        return _changed(service, changes)
    except Exception as error:
        if len(changes) == 1:
            _LOG.error("An item cannot be changed, the others are: %s", places(error))
            return replace(service, stock=changes[0].number)
    for change in changes:
        service = stocked(service, [change])
    return service


def _changed(service: Service, changes: Sequence[ItemChange]) -> Service:
    there = [change for change in changes if change.columns is not None]
    put = {change.item_id for change in there}
    taken = {change.item_id for change in changes} - put
    bundle, unread = _put(service.bundle, there, as_of=service.clock(service.bundle.end))
    return replace(
        service,
        bundle=bundle,
        shelves=Shelves.of(bundle.catalog, gone=(service.shelves.gone - put) | taken),
        stock=changes[-1].number,
        unread=(service.unread - put - taken) | unread,
    )


def _put(bundle: Bundle, changes: Sequence[ItemChange], *, as_of: Instant) -> tuple[Bundle, frozenset[str]]:
    """With the items that differ from what the bundle has, as new as they are, and those that could not be encoded."""
    every = pl.DataFrame(
        [row_of(change.item_id, change.columns or "{}") for change in changes], schema=dict(ITEM_COLUMNS)
    )
    items = every.filter([row != _known(bundle.catalog, row["item_id"]) for row in every.iter_rows(named=True)])
    if items.is_empty():
        return bundle, frozenset()
    chars, unread = bundle.data.text_chars, frozenset[str]()
    try:
        vectors = bundle.encoder.encode([item_text(row, text_chars=chars) for row in items.iter_rows(named=True)])
    except Exception as error:
        _LOG.error("Items are put without a vector, the encoder fails: %s", places(error))
        vectors, unread = np.zeros((len(items), bundle.encoder.dim), np.float32), frozenset(items["item_id"])
    recommender = bundle.recommender.put(items, vectors, text_chars=chars)
    nobody = Histories.empty(0)  # what says that it was created since is created by now
    snapshot = recommender.snapshot.moved(nobody, nobody, as_of=max(as_of, recommender.as_of))
    return replace(bundle, recommender=replace(recommender, snapshot=snapshot)), unread


def _known(catalog: Catalog, item_id: str) -> dict[str, object] | None:
    at = catalog.vocabulary.index.get(item_id)
    return None if at is None else catalog.items.select(*ITEM_COLUMNS).row(at, named=True)
