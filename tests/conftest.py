"""A small shop whose tastes are known, released as a bundle once for all tests that serve or recommend from it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

from recsys.data.catalog import Catalog
from recsys.data.config import SplitConfig
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.data.synthetic import WORDS, World, make_world
from recsys.data.vocabulary import Vocabulary
from recsys.schema import EVENT_CODES, EVENT_WEIGHTS
from tests.toy_encoder import write_toy

if TYPE_CHECKING:
    from recsys.recommender import Recommender
    from recsys.retrieval.embeddings import ItemVectors
    from recsys.retrieval.traits import Trait

DIM = 16

RULES = {
    "boosts": [{"by": "tag", "value": "red", "add": 0.3}],
    "pins": [{"item_id": "i00005", "rank": 2}],
    "caps": [{"by": "brand", "most": 4}],
    "quotas": [{"by": "category", "value": "toys", "least": 2}],
    "diversity": {"method": "dpp", "strength": 0.2},
    "exposure": {"share": 0.5, "length": 10},
}
"""Rules of all kinds for the shop."""

# Property tests give the same verdict on a busy machine and on every run.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A world and its typed tables."""

    world: World
    catalog: Catalog
    interactions: Interactions


@pytest.fixture(scope="session")
def shop() -> Shop:
    world = make_world(n_users=60, n_items=48)
    catalog = Catalog.of(world.items, text_chars=600)
    users = Vocabulary.of(world.events["user_id"])
    events = world.events.select(
        user_idx=pl.Series(users.encode(world.events["user_id"])),
        item_idx=pl.Series(catalog.vocabulary.encode(world.events["item_id"])),
        event=pl.col("event").replace_strict(EVENT_CODES, return_dtype=pl.UInt8),
        at=pl.col("timestamp").dt.epoch("us"),
        value=pl.col("value"),
        weight=pl.col("event").replace_strict(EVENT_WEIGHTS, return_dtype=pl.Float32),
        until=pl.lit(None, pl.Int64),
        position=pl.lit(None, pl.Int32),
    ).sort("at", "user_idx", "item_idx", "event", "value")
    return Shop(
        world=world, catalog=catalog, interactions=Interactions(events=events, users=users, n_items=len(catalog))
    )


@pytest.fixture(scope="session")
def toy_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a served encoder that is a bag of the world's words, each with a vector drawn at random."""
    words = [word for taste in WORDS.values() for word in taste]
    return write_toy(tmp_path_factory.mktemp("encoder"), words, dim=DIM)


@pytest.fixture(scope="session")
def recommender(shop: Shop, toy_encoder: Path) -> "Recommender":
    """A recommender as of the end of the shop's log, with a small ranker, its items read by the toy encoder."""
    from recsys.retrieval.embeddings import ItemVectors
    from recsys.retrieval.onnx import OnnxEncoder

    return _assembled(shop, ItemVectors.of(shop.catalog, OnnxEncoder.load(toy_encoder)))


@pytest.fixture(scope="session")
def ruled(shop: Shop, recommender: "Recommender") -> "Recommender":
    """The same recommender with rules of all kinds."""
    from recsys.ranking.config import RulesConfig
    from recsys.recommender import Recommender

    config = recommender.snapshot.config.model_copy(update={"rules": RulesConfig.model_validate(RULES)})
    return Recommender.assemble(
        catalog=shop.catalog,
        vectors=recommender.vectors,
        interest=recommender.retriever.interest,
        interactions=shop.interactions,
        as_of=shop.interactions.end,
        ranker=recommender.ranker,
        config=config,
    )


@pytest.fixture(scope="session")
def traits(shop: Shop) -> "tuple[Trait, Trait]":
    """A head that knows the tastes but for a tenth, and one that names the words of the titles."""
    from recsys.retrieval.traits import Trait

    taste = np.eye(4, dtype=np.float32)[shop.world.taste_of_item] * 0.9 + 0.025
    probabilities = pl.DataFrame({f"taste {i}": taste[:, i] for i in range(4)})
    words = shop.catalog.items.select(word=pl.col("title").str.split(" ").list.unique(maintain_order=True))
    return Trait.of("topic", probabilities), Trait.of("words", words)


@pytest.fixture(scope="session")
def gifted(shop: Shop, recommender: "Recommender", traits: "tuple[Trait, Trait]") -> "Recommender":
    """The same recommender, its ranker trained with the features of both heads as well."""
    return _assembled(shop, replace(recommender.vectors, traits=traits))


def _assembled(shop: Shop, vectors: "ItemVectors") -> "Recommender":
    from recsys.ranking.config import RankingConfig, RecommenderConfig, TreesConfig
    from recsys.ranking.ranker import Ranker
    from recsys.recommender import Recommender, training_rows
    from recsys.retrieval.interest import InterestModel

    config = RecommenderConfig(ranking=RankingConfig(trees=TreesConfig(trees=20, leaves=7, min_rows=10)))
    known = {
        "catalog": shop.catalog,
        "vectors": vectors,
        "interest": InterestModel.zero_shot(DIM, shop.interactions.day),
        "interactions": shop.interactions,
        "config": config,
    }
    rows = training_rows(split=TimeSplit.of(shop.interactions, SplitConfig()), **known)
    ranker = Ranker.fit(rows, config.ranking)
    return Recommender.assemble(as_of=shop.interactions.end, ranker=ranker, **known)


@pytest.fixture(scope="session")
def bundle_root(
    recommender: "Recommender", shop: Shop, toy_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of bundles with one in it, the current one."""
    return _bundled(recommender, shop, toy_encoder, tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def ruled_root(ruled: "Recommender", shop: Shop, toy_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the recommender with rules."""
    return _bundled(ruled, shop, toy_encoder, tmp_path_factory.mktemp("ruled"))


@pytest.fixture(scope="session")
def unranked_root(
    recommender: "Recommender", shop: Shop, toy_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same of a recommender without a ranker: what its few trees have learned in so small a shop is chance."""
    return _bundled(replace(recommender, ranker=None), shop, toy_encoder, tmp_path_factory.mktemp("unranked"))


def _bundled(recommender: "Recommender", shop: Shop, encoder: Path, root: Path) -> Path:
    from recsys.bundle import Bundle

    Bundle.write(
        root,
        recommender=recommender,
        interactions=shop.interactions,
        encoder=encoder,
        config={"data": {"text_chars": 600}},
        parents={"catalog": shop.catalog.digest},
    )
    return root
