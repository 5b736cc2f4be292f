"""A bundle of a large made-up catalogue, to be put under load.

    python -m tests.bench.load.catalogue --like RUN/bundles/current --out BUNDLES
    python -m tests.bench.load --bundles BUNDLES

Items, texts and log are drawn: tastes as in `recsys.data.synthetic`, popularity by Zipf's law, vectors at random around
the centre of their taste. Encoder, interest model, ranker and settings are those of another bundle, which fit nothing
here: what is measured is time and memory, never quality. Prints how many seconds each part took.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from recsys.bundle import Bundle
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.synthetic import START, WORDS
from recsys.data.vocabulary import Vocabulary
from recsys.ranking.config import RecommenderConfig
from recsys.recommender import Recommender
from recsys.retrieval.ease_penalty import USUAL
from recsys.retrieval.embeddings import ItemVectors
from recsys.schema import DAY, EVENT_CODES, EVENT_WEIGHTS

DAYS = 120
EVENTS_A_USER = 20
_TEXT_CHARS = 600
_CLOSE = 0.7
"""Cosine of an item's vector and the centre of its taste, about."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--like", type=Path, required=True, help="a bundle, whose encoder, ranker and settings are used"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder of bundles to make")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--ease-items", type=int, default=2000, help="items EASE covers at most")
    asked = parser.parse_args()
    like, rng = Bundle.load(asked.like), np.random.default_rng(0)
    config = limited(like.recommender.snapshot.config, asked.ease_items)
    with told("catalogue and log"):
        tastes = rng.integers(len(WORDS), size=asked.items)
        catalog = Catalog.of(items(tastes, rng), text_chars=_TEXT_CHARS)
        interactions = log(tastes, asked.users, rng)
    vectors = ItemVectors(
        vectors=around_tastes(tastes, like.encoder.dim, rng),
        catalog_digest=catalog.digest,
        encoder_digest=like.encoder.digest,
    )
    with told("sources, index, counters"):
        recommender = Recommender.assemble(
            catalog=catalog,
            vectors=vectors,
            interest=like.recommender.retriever.interest,
            interactions=interactions,
            as_of=interactions.end,
            ranker=like.recommender.ranker,
            config=config,
        )
    with told("bundle written"):
        bundle = Bundle.write(
            asked.out,
            recommender=recommender,
            interactions=interactions,
            encoder=asked.like / "encoder",
            config={**like.config, "retrieval": config.retrieval.model_dump(mode="json")},
            parents={"catalog": catalog.digest},
        )
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 2**20
    print(f"{len(catalog)} items, {len(interactions.users)} users, {len(interactions.events)} events, {size:.0f} MiB")
    with told("bundle checked and loaded"):
        Bundle.load(bundle)


def limited(config: RecommenderConfig, ease_items: int) -> RecommenderConfig:
    """The same settings, EASE over fewer items by its usual penalty, as a shop of this size would set them.

    Its fit takes time with the cube of the items, its files space with their square, and the penalty is else found by
    a dozen fits.
    """
    changes = {"ease_max_items": ease_items, "ease_l2": USUAL, "ease_fresh_l2": USUAL}
    behaviour = config.retrieval.behaviour.model_copy(update=changes)
    return config.model_copy(update={"retrieval": config.retrieval.model_copy(update={"behaviour": behaviour})})


@contextmanager
def told(what: str) -> Iterator[None]:
    start, worked = time.perf_counter(), time.process_time()
    yield
    took, cpu = time.perf_counter() - start, time.process_time() - worked
    print(f"{what}: {took:.1f} s, {cpu:.1f} s of CPU", file=sys.stderr, flush=True)


def items(tastes: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Three words of its taste in the title of each; 400 brands."""
    names = list(WORDS)
    words = np.array([WORDS[name] for name in names])
    titles = np.take_along_axis(words[tastes], rng.integers(words.shape[1], size=(len(tastes), 3)), 1)
    return pl.DataFrame(
        {
            "item_id": [f"i{i:07d}" for i in range(len(tastes))],
            "title": [f"{' '.join(title)} no. {i}" for i, title in enumerate(titles)],
            "category": [names[taste] for taste in tastes],
            "brand": [f"brand {b}" for b in rng.integers(400, size=len(tastes))],
            "price": np.round(rng.lognormal(2.0, 0.6, len(tastes)), 2),
        }
    )


def log(tastes: np.ndarray, n_users: int, rng: np.random.Generator) -> Interactions:
    """EVENTS_A_USER clicks and purchases by each user, nearly all of one taste."""
    n = n_users * EVENTS_A_USER
    order = rng.permutation(len(tastes))
    drawn = order[np.minimum(rng.zipf(1.2, 8 * n) - 1, len(tastes) - 1)]
    of_taste = [drawn[tastes[drawn] == taste] for taste in range(len(WORDS))]
    user = np.repeat(np.arange(n_users), EVENTS_A_USER)
    item = np.empty(n, np.int64)
    for taste, pool in enumerate(of_taste):
        own = user % len(WORDS) == taste
        item[own] = rng.choice(pool, own.sum())
    role = np.where(rng.random(n) < 0.4, "purchase", "click")
    users = Vocabulary.of(pl.Series([f"u{u:07d}" for u in range(n_users)]))
    events = pl.DataFrame({"event": role}).select(
        user_idx=pl.Series(user.astype(np.int32)),
        item_idx=pl.Series(item.astype(np.int32)),
        event=pl.col("event").replace_strict(EVENT_CODES, return_dtype=pl.UInt8),
        at=pl.Series(START + rng.integers(0, DAYS * DAY, n)),
        value=pl.lit(None, pl.Float64),
        weight=pl.col("event").replace_strict(EVENT_WEIGHTS, return_dtype=pl.Float32),
        until=pl.lit(None, pl.Int64),
        position=pl.lit(None, pl.Int32),
    )
    events = events.sort("at", "user_idx", "item_idx", "event", "value")
    return Interactions(events=events, users=users, n_items=len(tastes))


def around_tastes(tastes: np.ndarray, dim: int, rng: np.random.Generator) -> np.ndarray:
    """float32 (n_items, dim), unit rows."""
    centres = rng.normal(size=(len(WORDS), dim)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = rng.normal(scale=dim**-0.5, size=(len(tastes), dim)).astype(np.float32)
    found = _CLOSE * centres[tastes] + (1 - _CLOSE**2) ** 0.5 * noise
    return np.ascontiguousarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    main()
