"""A catalogue of a few items, its counters, and candidates of made-up scores."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.ranking.config import RulesConfig
from recsys.ranking.rulebook import Rulebook
from recsys.ranking.scored import Scored
from recsys.ranking.state import ItemState
from recsys.schema import EVENT_CODES


def catalog_of(categories: Sequence[str | None], *, brands=None, tags=None) -> Catalog:
    """Items i00, i01, … of these categories, brands and tags."""
    n = len(categories)
    items = pl.DataFrame(
        {
            "item_id": [f"i{i:02d}" for i in range(n)],
            "category": categories,
            "brand": brands or [None] * n,
            "tags": tags or [None] * n,
        },
        schema={"item_id": pl.String, "category": pl.String, "brand": pl.String, "tags": pl.List(pl.String)},
    )
    return Catalog.of(items, text_chars=100)


def state_of(catalog: Catalog, taken: Sequence[int] = ()) -> ItemState:
    """Counters at instant 10; one user took some items at instant 5."""
    events = pl.DataFrame(
        {
            "user_idx": [0] * len(taken),
            "item_idx": list(taken),
            "event": [EVENT_CODES["purchase"]] * len(taken),
            "at": [5] * len(taken),
            "value": [None] * len(taken),
            "weight": [1.0] * len(taken),
            "until": [None] * len(taken),
            "position": [None] * len(taken),
        },
        schema=COLUMNS,
    )
    log = Interactions(events=events, users=Vocabulary.ordered(["u"]), n_items=len(catalog))
    return ItemState.of(catalog, log, as_of=10, half_lives=(1.0, 2.0, 3.0))


def book(rules: dict, categories: Sequence[str | None], *, brands=None, tags=None, taken=()) -> Rulebook:
    """The rules of a settings file for such a catalogue."""
    catalog = catalog_of(categories, brands=brands, tags=tags)
    return Rulebook.of(RulesConfig.model_validate(rules), catalog=catalog, items=state_of(catalog, taken))


def scored(*rows: Sequence[tuple[int, float]], pinnable: Sequence[int] = (), unasked: Sequence[int] = ()) -> Scored:
    """A row of (item, falling score) for each user; `unasked` items are there only because they may be pinned."""
    items = np.array([item for row in rows for item, _ in row], np.int32)
    return Scored(
        indptr=np.cumsum([0, *map(len, rows)]).astype(np.int64),
        item_idx=items,
        score=np.array([score for row in rows for _, score in row], np.float32),
        interest=np.full(len(items), 0.5, np.float32),
        probability=np.full(len(items), np.nan, np.float32),
        sources=np.where(np.isin(items, list(unasked)), 0, 1).astype(np.uint16),
        pinnable=np.isin(items, list(pinnable)),
        listable=~np.isin(items, list(unasked)),
    )


def unit(rng: np.random.Generator, n: int, d: int = 6) -> np.ndarray:
    """float32 (n, d), unit rows drawn at random."""
    vectors = rng.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
