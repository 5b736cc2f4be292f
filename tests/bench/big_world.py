"""A made-up shop of any size, and a bundle of it: python -m tests.bench.big_world --out DIR [--users N --items N …].

Items belong to topics of very uneven size, a thousand a topic on average. An item's vector lies around its topic's
centre, 0.8 from it before it is made unit length; its text holds words of the topic and words of everybody. A user has
three topics; of an item's rank within its topic, or in the shop, most events fall to the first. The ranker is taught
on a shop of TAUGHT users and items made alike, and no encoder made the vectors: nobody trains BERT, and what a list
costs is what it would cost otherwise. The same size and seed give the same shop.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from pipelines.console import err
from recsys.bundle import Bundle
from recsys.data.catalog import Catalog
from recsys.data.config import SplitConfig
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.data.vocabulary import Vocabulary
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.ranker import Ranker
from recsys.recommender import Recommender, training_rows
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import OnnxEncoder
from recsys.schema import DAY, EVENT_CODES, EVENT_WEIGHTS, SECOND
from tests.bench.index_recall import unit
from tests.toy_encoder import write_toy

START, SPAN = 1_790_000_000 * SECOND, 180 * DAY
TOPICS_EACH, OWN = 3, 0.8
"""Topics of a user, and the share of the events that falls to them."""
NOISE, CHUNK = 0.8, 50_000
TOPIC_WORDS, COMMON_WORDS, MODELS = 12, 20_000, 400_000
ROLES = ("view", "click", "purchase")
TAUGHT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What decides a shop."""

    users: int
    items: int
    events: int
    dim: int = 128
    seed: int = 0

    @property
    def topics(self) -> int:
        return max(self.items // 1000, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the bundle")
    for name, default in (("users", 1_000_000), ("items", 1_000_000), ("events", 4_000_000), ("dim", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", default="{}", help="RecommenderConfig as JSON, where it is not the default")
    given = vars(parser.parse_args())
    out, config = given.pop("out"), RecommenderConfig.model_validate_json(given.pop("config"))
    with threadpool_limits(1):
        print(write(out, Size(**given), config))


def write(root: Path, size: Size, config: RecommenderConfig) -> Path:
    """Publish a bundle of the shop below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        encoder = write_toy(Path(folder), ["made", "up"], dim=size.dim)
        ranker = taught(size, config, encoder)
        err.print("the ranker is taught; the shop", markup=False)
        known = parts(size, encoder)
        err.print("the shop is made; sources and index", markup=False)
        recommender = Recommender.assemble(as_of=known["interactions"].end, ranker=ranker, config=config, **known)
        err.print("all is fitted; the bundle", markup=False)
        return Bundle.write(
            root,
            recommender=recommender,
            interactions=known["interactions"],
            encoder=encoder,
            config={"data": {"text_chars": 600}},
            parents={"catalog": recommender.catalog.digest},
        )


def parts(size: Size, encoder: Path) -> dict:
    """Catalogue, vectors, interest model and log, as `Recommender.assemble` takes them."""
    topic = topics(size)
    catalog = Catalog.of(items(size, topic), text_chars=600)
    made = ItemVectors(
        vectors=vectors(size, topic), catalog_digest=catalog.digest, encoder_digest=OnnxEncoder.load(encoder).digest
    )
    log = interactions(size, topic)
    return {
        "catalog": catalog,
        "vectors": made,
        "interest": InterestModel.zero_shot(size.dim, log.day),
        "interactions": log,
    }


def taught(size: Size, config: RecommenderConfig, encoder: Path) -> Ranker:
    """On a small shop of the same kind."""
    small = replace(size, users=TAUGHT, items=TAUGHT, events=20 * TAUGHT)
    known = parts(small, encoder)
    split = TimeSplit.of(known["interactions"], SplitConfig())
    return Ranker.fit(training_rows(split=split, config=config, **known), config.ranking)


def topics(size: Size) -> np.ndarray:
    """int64 (items,), the topic of each."""
    rng = np.random.default_rng([size.seed, 1])
    sizes = rng.lognormal(size=size.topics)
    return rng.choice(size.topics, size.items, p=sizes / sizes.sum())


def vectors(size: Size, topic: np.ndarray) -> np.ndarray:
    """float32 (items, dim), unit rows."""
    rng = np.random.default_rng([size.seed, 2])
    centres = unit(rng.standard_normal((size.topics, size.dim), np.float32))
    rows = np.empty((size.items, size.dim), np.float32)
    for start in range(0, size.items, CHUNK):
        part = rows[start : start + CHUNK]
        rng.standard_normal(out=part, dtype=np.float32)
        part *= NOISE / np.sqrt(np.float32(size.dim))
        part += centres[topic[start : start + CHUNK]]
        part[:] = unit(part)
    return rows


def items(size: Size, topic: np.ndarray) -> pl.DataFrame:
    """Titles of three words of the topic, two of everybody, few of which are common, and a model; sorted by item_id."""
    rng = np.random.default_rng([size.seed, 3])
    n = size.items
    own = topic[:, None] * TOPIC_WORDS + rng.integers(0, TOPIC_WORDS, (n, 3))
    common = (COMMON_WORDS * rng.random((n, 2)) ** 3).astype(np.int64)
    words = [_names("t", own[:, column], 6) for column in range(3)]
    words += [_names("c", common[:, column], 5) for column in range(2)]
    words.append(_names("m", rng.integers(0, MODELS, n), 6))
    return pl.DataFrame({str(number): word for number, word in enumerate(words)}).select(
        item_id=_names("i", np.arange(n), 9),
        title=pl.concat_str(pl.all(), separator=" "),
        category=_names("kind", topic % 100, 3),
        brand=_names("brand", rng.integers(0, 2000, n), 4),
        price=pl.Series(np.round(np.exp(rng.normal(3, 1, n)), 2)),
    )


def interactions(size: Size, topic: np.ndarray) -> Interactions:
    """Who met what: activity and popularity are skewed, and everybody has an event."""
    rng = np.random.default_rng([size.seed, 4])
    activity = rng.lognormal(size=size.users)
    more = rng.choice(size.users, max(size.events - size.users, 0), p=activity / activity.sum())
    user = np.concatenate([np.arange(size.users), more]).astype(np.int32)
    role = rng.choice(len(ROLES), len(user), p=(0.6, 0.25, 0.15))
    codes = np.array([EVENT_CODES[name] for name in ROLES], np.uint8)
    weights = np.array([EVENT_WEIGHTS[name] for name in ROLES], np.float32)
    events = pl.DataFrame(
        {
            "user_idx": user,
            "item_idx": _chosen(rng, size, topic, user),
            "event": codes[role],
            "at": START + rng.integers(0, SPAN // SECOND, len(user)) * SECOND,
            "value": pl.Series([None], dtype=pl.Float64).new_from_index(0, len(user)),
            "weight": weights[role],
            "until": pl.Series([None], dtype=pl.Int64).new_from_index(0, len(user)),
            "position": pl.Series([None], dtype=pl.Int32).new_from_index(0, len(user)),
        }
    ).sort("at", "user_idx", "item_idx", "event")
    users = Vocabulary.ordered(_names("u", np.arange(size.users), 9).to_list())
    return Interactions(events=events, users=users, n_items=size.items)


def _chosen(rng: np.random.Generator, size: Size, topic: np.ndarray, user: np.ndarray) -> np.ndarray:
    """int32, an item for each event: of one of the user's topics, or of the whole shop; the first ones most often."""
    order = np.argsort(topic, kind="stable")
    counts = np.bincount(topic, minlength=size.topics)
    starts = np.cumsum(counts) - counts
    there = np.flatnonzero(counts)
    own = there[rng.integers(0, len(there), (size.users, TOPICS_EACH))]
    met = own[user, rng.integers(0, TOPICS_EACH, len(user))]
    within = order[starts[met] + (counts[met] * rng.random(len(user)) ** 3).astype(np.int64)]
    anywhere = rng.permutation(size.items)[(size.items * rng.random(len(user)) ** 6).astype(np.int64)]
    return np.where(rng.random(len(user)) < OWN, within, anywhere).astype(np.int32)


def _names(letter: str, numbers: np.ndarray, digits: int) -> pl.Series:
    return pl.select(pl.lit(letter) + pl.Series(numbers).cast(pl.String).str.zfill(digits)).to_series()


if __name__ == "__main__":
    main()
