"""All that is known as of an instant, ready to propose and to describe."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.data.storage import read_json, write_json
from recsys.errors import ShapeError
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.feature_list import feature_table
from recsys.ranking.features import FeatureTable
from recsys.ranking.pairs import Pairs
from recsys.ranking.rulebook import Rulebook
from recsys.ranking.rules import available, permitted, unseen
from recsys.ranking.state import ItemState
from recsys.retrieval.candidates import Candidates
from recsys.retrieval.collaborative import Behaviour
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.retriever import Retriever
from recsys.schema import BoolArray, FloatArray, Instant, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything but the ranker, fitted on what was known at an instant; histories come with each call.

    Attributes:
        catalog: the items.
        vectors: their text vectors.
        retriever: the sources of candidates.
        items: counters of the items.
        rules: what else decides over a list; no row of a ranker knows of it.
        config: target and settings.
    """

    catalog: Catalog
    vectors: ItemVectors
    retriever: Retriever
    items: ItemState
    rules: Rulebook
    config: RecommenderConfig

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        *,
        catalog: Catalog,
        vectors: ItemVectors,
        interest: InterestModel,
        as_of: Instant,
        config: RecommenderConfig,
    ) -> "Snapshot":
        """Fit on the events known at `as_of`; later ones are not looked at.

        Raises:
            ShapeError: vectors of another catalogue or width.
        """
        vectors.check(catalog)
        items = ItemState.of(catalog, interactions, as_of=as_of, half_lives=config.ranking.half_lives)
        behaviour = Behaviour.fit(
            interactions, as_of=as_of, config=config.retrieval.behaviour, seed=config.seed, threads=config.threads
        )
        retriever = Retriever.of(
            vectors.vectors,
            catalog.texts,
            interest=interest,
            behaviour=behaviour,
            known=items.known,
            config=config.retrieval,
        )
        rules = Rulebook.of(config.rules, catalog=catalog, items=items)
        return cls(catalog=catalog, vectors=vectors, retriever=retriever, items=items, rules=rules, config=config)

    def reread(self, vectors: ItemVectors, interest: InterestModel) -> "Snapshot":
        """The same with items and users read by another encoder; nothing behavioural is fitted anew.

        Raises:
            ShapeError: vectors of another catalogue or width.
        """
        vectors.check(self.catalog)
        retriever = self.retriever.reread(vectors.vectors, interest, known=self.items.known)
        return replace(self, vectors=vectors, retriever=retriever)

    def advance(self, interactions: Interactions, *, as_of: Instant) -> "Snapshot":
        """The same with the items' counters at a later instant; what is fitted (sources, vectors) stays as it was.

        Args:
            interactions: as for `ItemState.advance`: what happened since, and the earlier events of its users.
            as_of: the instant.
        """
        items = self.items.advance(self.catalog, interactions, as_of=as_of)
        return replace(self, items=items, rules=self.rules.renewed(catalog=self.catalog, items=items))

    def moved(self, before: Histories, after: Histories, *, as_of: Instant) -> "Snapshot":
        """The same with counters and popularity at a later instant; what is fitted stays as it was.

        Args: as for `ItemState.moved`.
        """
        items = self.items.moved(self.catalog, before, after, as_of=as_of)
        retriever = replace(self.retriever, behaviour=self.retriever.behaviour.moved(before, after))
        rules = self.rules.renewed(catalog=self.catalog, items=items)
        return replace(self, retriever=retriever, items=items, rules=rules)

    def without(self, items: IntArray) -> "Snapshot":
        """As if some items had just come and nobody had met them; histories that hold them are read as before."""
        retriever = replace(self.retriever, behaviour=self.retriever.behaviour.without(items))
        return replace(self, retriever=retriever, items=self.items.without(self.catalog, items))

    def put(self, items: pl.DataFrame, vectors: FloatArray, *, text_chars: int) -> "Snapshot":
        """With some items added to the catalogue, or replaced in it; what users did is left as it is.

        Args:
            items: as for `Catalog.put`.
            vectors: float32 (m, d), their texts' vectors by the encoder of `self.vectors`, in the same order.
            text_chars: as for `Catalog.of`.

        Raises:
            ShapeError: not one vector an item, or of another width.
        """
        if vectors.shape != (len(items), self.vectors.dim):
            raise ShapeError(
                f"Expected vectors of shape {(len(items), self.vectors.dim)} for {len(items)} items, got "
                f"{vectors.shape}; encode their texts with the bundle's encoder."
            )
        catalog = self.catalog.put(items, text_chars=text_chars)
        put = catalog.vocabulary.encode(items["item_id"].to_list())
        grown = self.vectors.put(catalog, put, vectors)
        state = self.items.put(catalog)
        known = np.pad(self.items.known, (0, len(catalog) - len(self.items)))  # what is new shifts no statistic
        retriever = self.retriever.put(grown.vectors, put, catalog.items["text"].gather(put).to_list(), known=known)
        rules = self.rules.renewed(catalog=catalog, items=state)
        return replace(self, catalog=catalog, vectors=grown, retriever=retriever, items=state, rules=rules)

    def allowed(
        self, histories: Histories, *, as_of: Instant, mask: BoolArray | None = None, exclude_seen: bool | None = None
    ) -> BoolArray:
        """(n, n_items) what may be recommended to each user: available, in `mask`, and new where it must be.

        Args:
            histories: events before `as_of`.
            as_of: the instant of the request.
            mask: bool (n_items,) or (n, n_items); all items if None.
            exclude_seen: leave out what a user took or turned down; None does so where the target is "new".

        Raises:
            ShapeError: `mask` of another shape.
        """
        exclude = self.config.target == "new" if exclude_seen is None else exclude_seen
        fresh = unseen(histories, len(self.items)) if exclude else None
        masks = [available(self.catalog, as_of=as_of), mask, fresh]
        return permitted(len(histories), len(self.items), masks)

    def pinned(
        self, histories: Histories, *, as_of: Instant, mask: BoolArray | None = None, exclude_seen: bool | None = None
    ) -> BoolArray | None:
        """(n, n_items) pinned items that may stand in each user's list; None where nothing is pinned.

        A pin obeys availability and `mask`. Whether the user took the item before matters only where `exclude_seen` is
        True: a request that says so is obeyed, a target of "new" is not, since a pin is the shop's own choice.
        """
        if not self.rules.pins:
            return None
        may = self.allowed(histories, as_of=as_of, mask=mask, exclude_seen=bool(exclude_seen))
        some = np.zeros(len(self.items), np.bool_)
        some[list(self.rules.pins.values())] = True
        return may & some

    def interest(self, candidates: Candidates) -> FloatArray:
        """float32 (m,): the encoder's probability in [0, 1] that the user takes the item."""
        return self.retriever.interest.interest(candidates.scores[:, -1])

    def features(
        self, histories: Histories, candidates: Candidates, *, as_of: Instant, interest: FloatArray | None = None
    ) -> FeatureTable:
        """What a ranker may read about these candidates of a block of users; `interest` where it is known already."""
        if interest is None:
            interest = self.interest(candidates)
        pairs = Pairs.of(histories, candidates, items=self.items, vectors=self.vectors, interest=interest, as_of=as_of)
        return feature_table(pairs)

    def blocks(self, n: int) -> list[slice]:
        """Rows of users small enough to be scored at once."""
        size = max(1, self.config.retrieval.block_values // max(len(self.items), 1))
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]

    def save(self, directory: Path) -> None:
        """Write each part into a directory of its own below an existing one."""
        parts = (("catalog", self.catalog), ("vectors", self.vectors), ("retriever", self.retriever))
        for name, part in (*parts, ("items", self.items), ("rules", self.rules)):
            (directory / name).mkdir()
            part.save(directory / name)
        write_json(directory / "snapshot.json", self.config.model_dump(mode="json"))

    @classmethod
    def load(cls, directory: Path) -> "Snapshot":
        """Read what `save` wrote from a directory whose files were verified.

        Raises:
            ArtifactError: a part is missing, or parts do not fit each other.
            ShapeError: vectors of another catalogue.
        """
        catalog = Catalog.load(directory / "catalog")
        vectors = ItemVectors.load(directory / "vectors")
        vectors.check(catalog)
        items = ItemState.load(directory / "items")
        config = RecommenderConfig.model_validate(read_json(directory / "snapshot.json"))
        return cls(
            catalog=catalog,
            vectors=vectors,
            retriever=Retriever.load(directory / "retriever", vectors.vectors),
            items=items,
            rules=Rulebook.load(directory / "rules", config=config.rules, catalog=catalog, items=items),
            config=config,
        )
