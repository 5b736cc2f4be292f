"""Which columns of a stranger's tables may be those of the plain form, by their names alone: a draft for a person."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recsys.schema import EVENT_COLUMNS, ITEM_COLUMNS

_ALSO: Mapping[str, tuple[str, ...]] = {
    "user_id": (
        "user",
        "uid",
        "customer",
        "customerid",
        "client",
        "clientid",
        "visitorid",
        "account",
        "member",
        "buyer",
    ),
    "item_id": (
        "item",
        "product",
        "productid",
        "sku",
        "asin",
        "article",
        "articleid",
        "stockcode",
        "movieid",
        "newsid",
    ),
    "event": ("type", "eventtype", "action", "behavior", "behaviour", "activity"),
    "timestamp": ("time", "date", "datetime", "when", "ts", "at", "eventtime", "invoicedate", "orderdate"),
    "value": ("rating", "amount", "revenue", "stars", "quantity"),
    "request_id": ("request", "requestid", "impressionid"),
    "position": ("pos", "slot", "place"),
    "title": ("name", "productname", "itemname", "headline", "producttitle"),
    "description": ("text", "body", "abstract", "details", "summary"),
    "category": ("cat", "categoryname", "department", "genre", "section", "producttype"),
    "brand": ("manufacturer", "maker", "vendor", "publisher", "author", "store"),
    "tags": ("keywords", "labels", "genres"),
    "price": ("unitprice", "listprice", "cost"),
    "created_at": ("created", "published", "publishedat", "releasedate"),
}
"""Column of the plain form → other names for it, in small letters and without what stands between words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A draft of the mapping.

    Attributes:
        items: column of the plain form → the one column that may be it.
        events: the same.
        missing: required columns, as "events.user_id", for which none or several may be.
    """

    items: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def guess(items: Sequence[str], events: Sequence[str]) -> Guess:
    """What the columns of the two tables may be; nothing is guessed of a column that has its name already.

    Args:
        items: names of the columns.
        events: the same.
    """
    tables = {"items": _matched(items, ITEM_COLUMNS), "events": _matched(events, EVENT_COLUMNS)}
    wanted = {"items": ("item_id",), "events": ("user_id", "item_id", "event", "timestamp")}
    given = {"items": items, "events": events}
    return Guess(
        items=tables["items"],
        events=tables["events"],
        missing=tuple(
            f"{table}.{column}"
            for table, columns in wanted.items()
            for column in columns
            if column not in tables[table] and column not in given[table]
        ),
    )


def _matched(columns: Sequence[str], plain: Mapping[str, object]) -> dict[str, str]:
    found = {}
    free = [column for column in columns if column not in plain]
    for name in plain:
        if name in columns:
            continue
        meant = {_bare(name), *_ALSO.get(name, ())}
        may = [column for column in free if _bare(column) in meant]
        if len(may) == 1:
            found[name] = may[0]
    return found


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
