"""What is found in the catalogue, among the users and the bundles, by whoever looks for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.artifacts import MANIFEST
from recsys.schema import ITEM_COLUMNS, IntArray
from serving.catalog_schemas import MOST_FOUND, BundleFound, Bundles, Items, Users
from serving.item_schemas import Item
from serving.lineup import Lineup
from serving.service import Service

_DIGEST = re.compile(r"[0-9a-f]{64}")


def items(service: Service, named: Sequence[str] | None, words: str, limit: int) -> Items:
    """At most `limit` items.

    Args:
        service: whose catalogue.
        named: only these, in this order; all if None.
        words: each of them must be a part of the id or the title, in whatever case.
        limit: at least 1.
    """
    catalog, there = service.bundle.catalog, service.shelves.there
    if named is None:
        at: IntArray = np.flatnonzero(there).astype(np.int32)
    else:
        at = catalog.vocabulary.encode(dict.fromkeys(named))
        at = at[at >= 0]
        at = at[there[at]]
    table = catalog.items if named is None and there.all() else catalog.items[at]
    for word in words.lower().split():
        told = (pl.col("item_id").str.to_lowercase(), pl.col("title").str.to_lowercase().fill_null(""))
        table = table.filter(pl.any_horizontal(column.str.contains(word, literal=True) for column in told))
    rows = table.select(*ITEM_COLUMNS).head(limit).iter_rows(named=True)
    return Items(items=[_shown(row) for row in rows], more=len(table) > limit)


def _shown(row: Mapping[str, Any]) -> Item:
    """As it is: what a log's catalogue holds was never checked as what is put."""
    tags = row["tags"]
    return Item.model_construct(**{**row, "tags": None if tags is None else tuple(tags)})


def users(service: Service, prefix: str, limit: int) -> Users:
    """At most `limit` users whose id starts so, and one who was first heard of since, if the whole id is given.

    Raises:
        StoreError: the state cannot be read.
    """
    found = list(islice(_users(service, prefix), limit + 1))
    return Users(users=found[:limit], more=len(found) > limit)


def _users(service: Service, prefix: str) -> Iterator[str]:
    bundle = service.bundle
    if prefix and prefix not in bundle.users.index and service.store.past(prefix, since=bundle.end).events:
        yield prefix
    for user_id in bundle.users.ids:
        if user_id.startswith(prefix):
            past = service.store.past(user_id, since=bundle.end)
            if past.forgotten is None or past.forgotten < bundle.end or past.events:
                yield user_id


def bundles(lineup: Lineup, root: Path) -> Bundles:
    """What stands in the folder of bundles, the last published first."""
    current = lineup.main.bundle.digest
    manifests = [each / MANIFEST for each in root.iterdir() if _DIGEST.fullmatch(each.name)]
    found = [
        BundleFound(
            bundle=manifest.parent.name,
            published=datetime.fromtimestamp(manifest.stat().st_mtime, UTC),
            current=manifest.parent.name == current,
            loaded=manifest.parent.name in {current, *lineup.others},
        )
        for manifest in manifests
        if manifest.is_file()
    ]
    return Bundles(bundles=sorted(found, key=lambda each: (each.published, each.bundle), reverse=True)[:MOST_FOUND])
