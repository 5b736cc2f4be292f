"""Settings of the retrieval room."""

import re
from typing import Literal

from pydantic import Field, field_validator

from recsys.data.config import Config

FACTORY = re.compile(
    r"Flat|SQ8|HNSW(?P<links>[4-9]|[1-9]\d+),(?:Flat|SQ8)|IVF(?P<lists>[1-9]\d*),(?:Flat|SQ8|PQ(?P<bytes>[1-9]\d*))"
)
"""FAISS factory strings whose indexes can leave items out of a search."""


class IndexConfig(Config):
    """How item vectors are searched."""

    exact_up_to: int = Field(
        50_000,
        ge=0,
        description="Catalogues up to this many items, and as few as a filter leaves, are searched item by item.",
    )
    hnsw_up_to: int = Field(
        200_000,
        ge=0,
        description="Larger ones up to this many items by a graph (HNSW), beyond by lists (IVF) of int8 codes.",
    )
    memory_mib: int = Field(
        4096,
        ge=1,
        description="MiB that the index of a catalogue beyond exact_up_to may take; a graph that takes more gives way "
        "to lists, and int8 codes in lists to pq_bytes.",
    )
    storage: Literal["float32", "int8", "pq"] = Field(
        "float32",
        description="How the search stores a vector, at most: as it is; a byte a number; or in pq_bytes by product "
        "quantisation. Lists hold codes in any case. Ranking reads the vectors as they are.",
    )
    pq_bytes: int = Field(48, ge=1, description="Bytes of a vector under product quantisation; divides its width.")
    hnsw_neighbours: int = Field(32, ge=4, description="Links of an item in the approximate (HNSW) index.")
    hnsw_search: int = Field(256, ge=16, description="Items looked at by one approximate search; at least k.")
    ivf_search: int = Field(64, ge=1, description="Lists looked at by one approximate (IVF) search; of about 2 · √n.")
    factory: str = Field(
        "",
        description="FAISS factory string in place of all this, such as HNSW48,SQ8 or IVF4096,Flat; empty: by size.",
    )
    learned_from: int = Field(
        250_000,
        ge=1,
        description="Ranges, lists and stretches are learned from at most so many vectors, drawn at random.",
    )
    least_recall: float = Field(
        0.95,
        ge=0,
        le=1,
        description="An index that finds less of the 200 nearest of its own vectors when it is built looks at twice as "
        "many lists or items, and again, until it finds so much or hardly more than before; 0: never.",
    )
    shard_items: int = Field(
        1_000_000, ge=1, description="Vectors of a shard, where an index of lists is built shard by shard."
    )
    compact_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="The index is written anew when more than this share of its rows is removed, replaced or waiting "
        "beside it; 1: only when told to.",
    )

    @field_validator("factory")
    @classmethod
    def _searchable(cls, factory: str) -> str:
        if factory and not FACTORY.fullmatch(factory):
            raise ValueError(
                "expected Flat, SQ8, HNSW<links, at least 4>,<Flat or SQ8> or IVF<lists>,<Flat, SQ8 or PQ<bytes>>, got "
                f"{factory!r}"
            )
        return factory


class BehaviourConfig(Config):
    """Models fitted on who took what and when; ages are in days of `Interactions.day`."""

    history_half_life: float = Field(45.0, gt=0, description="A history's events halve in weight in so many days.")
    popularity_half_life: float = Field(10.0, gt=0, description="Popularity halves in so many days.")
    fresh_half_life: float = Field(30.0, gt=0, description="Fresh models: an event halves in weight in so many days.")
    neighbours: int = Field(200, ge=1, description="Similar items kept per item by co-occurrence.")
    near_events: int = Field(20, ge=1, description="Two events of a user at most so many apart are near.")
    near_history: int = Field(40, ge=1, description="Last events of a user whose near items are looked for.")
    near_decay: float = Field(0.9, gt=0, le=1, description="Weight of each further step between, or since, events.")
    peers: int = Field(200, ge=1, description="Users with a similar history who are asked.")
    ease_l2: float | None = Field(
        None,
        gt=0,
        description="EASE: added to the diagonal of the item-item counts; if not set, what foresees the latest events "
        "best.",
    )
    ease_fresh_l2: float | None = Field(None, gt=0, description="The same for fresh EASE, whose counts are smaller.")
    ease_max_items: int = Field(6000, ge=1, description="EASE covers at most so many items, the most taken first.")
    als_factors: int = Field(64, ge=1, description="Width of the factors of implicit ALS.")
    als_max_items: int = Field(
        200_000, ge=1, description="ALS covers at most so many items, the most taken first; each costs at every answer."
    )
    als_iterations: int = Field(15, ge=1, description="Rounds of alternating least squares.")
    als_regularization: float = Field(0.05, ge=0, description="L2 penalty of the ALS factors.")
    als_alpha: float = Field(5.0, gt=0, description="Confidence of one event in ALS.")


class RetrievalConfig(Config):
    """Which items are looked at more closely."""

    text: int = Field(60, ge=0, description="Items nearest to the user's text vector.")
    text_neighbours: int = Field(60, ge=0, description="Items whose text is like that of the history.")
    lexical: int = Field(60, ge=0, description="Items that share words with those of the history.")
    cosine: int = Field(80, ge=0, description="Items taken together with those of the recent history.")
    ease: int = Field(80, ge=0, description="Items by EASE of the whole history.")
    ease_recent: int = Field(60, ge=0, description="Items by EASE of the recent history.")
    ease_fresh: int = Field(60, ge=0, description="Items by fresh EASE of the recent history.")
    als: int = Field(60, ge=0, description="Items by the user's ALS factors.")
    cosine_fresh: int = Field(60, ge=0, description="The same by events of late.")
    basket: int = Field(40, ge=0, description="Items taken together with those of the last basket.")
    disliked: int = Field(0, ge=0, description="Items like those the user turned down; a score, hardly a proposal.")
    near: int = Field(60, ge=0, description="Items often met close to the user's last ones.")
    peers: int = Field(60, ge=0, description="Items that users with a similar history took.")
    popular: int = Field(60, ge=0, description="Items most taken of late.")
    own: int = Field(100, ge=0, description="Items the user took before, where the target allows them.")
    most: int | None = Field(
        None, ge=1, description="Candidates of a user that are scored, the best by the sources' places; all if not set."
    )
    similar_items: int = Field(50, ge=1, description="Neighbours by text kept per item.")
    similar_max_items: int = Field(
        200_000,
        ge=1,
        description="Neighbours by text are kept of at most so many items, the most popular first; what else is in a "
        "history proposes nothing by them.",
    )
    block_values: int = Field(1_000_000, ge=1, description="Users are scored in blocks of so many user × item values.")
    behaviour: BehaviourConfig = Field(default_factory=BehaviourConfig, description="The behavioural models.")
    index: IndexConfig = Field(default_factory=IndexConfig, description="The search of item vectors.")


class TraitsConfig(Config):
    """What is read in the items' texts beside their vectors."""

    heads: tuple[str, ...] = Field(
        (),
        description="Directories of task heads; what each reads in the items becomes features of the ranker, named by "
        "the directory.",
    )
