"""Retrieve → features → rank → rules: one code path for one user or a million."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.errors import ShapeError
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.explanation import Explanation, explain
from recsys.ranking.exposure import limited
from recsys.ranking.features import FeatureTable
from recsys.ranking.policy import Exploration
from recsys.ranking.ranker import Ranker
from recsys.ranking.recommendations import Recommendations
from recsys.ranking.rows import training_rows
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.ranking.snapshot import Snapshot
from recsys.retrieval.candidates import Candidates
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.retriever import Retriever
from recsys.schema import BoolArray, FloatArray, Instant, IntArray, Lap, unheard

__all__ = ["Recommendations", "Recommender", "training_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommender:
    """Everything a list is made from, as of an instant; histories come with each call.

    Attributes:
        snapshot: catalogue, vectors, sources and counters.
        ranker: the order; None ranks by the sources' places alone.
        lap: told "retrieve", "features", "trees" and "rules" as each ends, block by block of users.
    """

    snapshot: Snapshot
    ranker: Ranker | None
    lap: Lap = unheard

    @classmethod
    def assemble(
        cls,
        *,
        catalog: Catalog,
        vectors: ItemVectors,
        interest: InterestModel,
        interactions: Interactions,
        as_of: Instant,
        ranker: Ranker | None,
        config: RecommenderConfig,
    ) -> "Recommender":
        """Fit everything behavioural on what was known at `as_of`; later events are not looked at.

        Raises:
            ShapeError: vectors of another catalogue or width.
        """
        snapshot = Snapshot.of(
            interactions, catalog=catalog, vectors=vectors, interest=interest, as_of=as_of, config=config
        )
        made = cls(snapshot=snapshot, ranker=ranker)
        return made if config.rules.exposure.share == 1 else made._limited(interactions)

    def _limited(self, interactions: Interactions) -> "Recommender":
        """The same with prices found on the lists of known users, drawn at random."""
        snapshot, users = self.snapshot, interactions.before(self.as_of).user_indices()
        n = min(snapshot.config.rules.exposure.users, len(users))
        if n == 0:
            return self
        drawn = np.sort(np.random.default_rng(snapshot.config.seed).choice(users, n, replace=False))
        found = self.scored(interactions.histories(drawn, as_of=self.as_of), as_of=self.as_of)
        rules = limited(snapshot.rules, found, self.vectors.vectors)
        return replace(self, snapshot=replace(snapshot, rules=rules))

    @property
    def catalog(self) -> Catalog:
        """The items."""
        return self.snapshot.catalog

    @property
    def vectors(self) -> ItemVectors:
        """The items' text vectors."""
        return self.snapshot.vectors

    @property
    def retriever(self) -> Retriever:
        """The sources of candidates."""
        return self.snapshot.retriever

    @property
    def as_of(self) -> Instant:
        """The instant everything behavioural stands at."""
        return self.snapshot.items.as_of

    def compared(self) -> "Recommender":
        """The same answers, each sooner, once all items are compared with each other: for who asks for many."""
        return replace(self, snapshot=replace(self.snapshot, vectors=self.vectors.compared()))

    def put(self, items: pl.DataFrame, vectors: FloatArray, *, text_chars: int) -> "Recommender":
        """With some items added to the catalogue, or replaced in it: found by their text from now on.

        Args, errors: as for `Snapshot.put`.
        """
        return replace(self, snapshot=self.snapshot.put(items, vectors, text_chars=text_chars))

    def recommend(
        self,
        histories: Histories,
        *,
        k: int,
        as_of: Instant,
        allowed: BoolArray | None = None,
        exclude_seen: bool | None = None,
        exploration: Exploration | None = None,
    ) -> Recommendations:
        """At most k items for each user, best first.

        Args:
            histories: the users' events before `as_of`; an empty history is a new user's.
            k: length of a list; a list is shorter where fewer items are allowed or proposed.
            as_of: the instant of the request, not before `self.as_of`.
            allowed: bool (n_items,) or (n, n_items), items that may be recommended; all if None.
            exclude_seen: leave out what a user took or turned down; None does so where the target is "new".
            exploration: draws each user's list; None takes the best.

        Raises:
            ShapeError: `allowed` of another shape.
        """
        besides = None if exploration is None else exploration.besides
        lists = self._candidates(histories, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen, besides=besides)
        rules, vectors, blocks = self.snapshot.rules, self.vectors.vectors, self.snapshot.blocks(len(histories))
        chosen = []
        for rows, found in zip(blocks, lists, strict=True):
            chosen.append(select(found, rules, vectors, k=k, exploration=exploration and exploration.of(rows)))
            self.lap("rules")
        return Recommendations.concat(chosen)

    def scored(
        self,
        histories: Histories,
        *,
        as_of: Instant,
        allowed: BoolArray | None = None,
        exclude_seen: bool | None = None,
        besides: BoolArray | None = None,
    ) -> Scored:
        """All that each user's list is chosen from by `ranking.selection.select`.

        Args: as for `recommend`, `besides` for `Exploration`.
        """
        found = self._candidates(histories, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen, besides=besides)
        return Scored.concat(list(found))

    def proposed(
        self,
        histories: Histories,
        *,
        as_of: Instant,
        allowed: BoolArray | None = None,
        exclude_seen: bool | None = None,
    ) -> list[Candidates]:
        """What the sources and rules propose, block by block of users; arguments as for `recommend`."""
        found = self._proposed(histories, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen, besides=None)
        return [candidates for _, candidates, _, _ in found]

    def _candidates(
        self,
        histories: Histories,
        *,
        as_of: Instant,
        allowed: BoolArray | None,
        exclude_seen: bool | None,
        besides: BoolArray | None,
    ) -> Iterator[Scored]:
        """Block by block of users."""
        lists = self._proposed(histories, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen, besides=besides)
        for part, found, pinned, extra in lists:
            self.lap("retrieve")
            yield self._scored(part, found, as_of, pinned, extra)

    def _proposed(
        self,
        histories: Histories,
        *,
        as_of: Instant,
        allowed: BoolArray | None,
        exclude_seen: bool | None,
        besides: BoolArray | None,
    ) -> Iterator[tuple[Histories, Candidates, BoolArray | None, BoolArray | None]]:
        """Block by block: the users, their candidates, and which of all items are pinned or wanted besides."""
        known = histories.before(as_of)
        for rows in self.snapshot.blocks(len(known)):
            part = known.part(rows.start, rows.stop)
            mask = allowed[rows] if allowed is not None and allowed.ndim == 2 else allowed
            may = self.snapshot.allowed(part, as_of=as_of, mask=mask, exclude_seen=exclude_seen)
            pinned = self.snapshot.pinned(part, as_of=as_of, mask=mask, exclude_seen=exclude_seen)
            extra = None if besides is None else may & (besides[rows] if besides.ndim == 2 else besides)
            given = pinned if extra is None else extra if pinned is None else extra | pinned
            yield part, self.retriever.retrieve(part, as_of=as_of, allowed=may, besides=given), pinned, extra

    def rank(
        self,
        histories: Histories,
        items: Sequence[IntArray],
        *,
        as_of: Instant,
        exploration: Exploration | None = None,
    ) -> Recommendations:
        """Each user's given items, best first; none is left out.

        Args:
            histories: the users' events before `as_of`.
            items: int32 item_idx for each user, none of them -1.
            as_of: the instant of the request, not before `self.as_of`.
            exploration: draws each user's order; None takes the best first.

        Raises:
            ShapeError: an unknown item, or not one list per user.
        """
        rules, vectors, blocks = self.snapshot.rules, self.vectors.vectors, self.snapshot.blocks(len(histories))
        chosen = []
        for rows, found in zip(blocks, self._weighed(histories, items, as_of), strict=True):
            chosen.append(select(found, rules, vectors, k=None, exploration=exploration and exploration.of(rows)))
            self.lap("rules")
        return Recommendations.concat(chosen)

    def scored_items(self, histories: Histories, items: Sequence[IntArray], *, as_of: Instant) -> Scored:
        """What `rank` puts in order; arguments and errors are its own."""
        return Scored.concat(list(self._weighed(histories, items, as_of)))

    def _weighed(self, histories: Histories, items: Sequence[IntArray], as_of: Instant) -> Iterator[Scored]:
        """Block by block of users."""
        known = self._checked(histories, items, as_of)
        for rows in self.snapshot.blocks(len(known)):
            part = known.part(rows.start, rows.stop)
            may = self.snapshot.allowed(part, as_of=as_of)
            given = self.retriever.score(part, items[rows], as_of=as_of, allowed=may)
            self.lap("retrieve")
            yield self._scored(part, given, as_of, self.snapshot.pinned(part, as_of=as_of))

    def features(self, histories: Histories, candidates: Candidates, *, as_of: Instant) -> FeatureTable:
        """What a ranker may read about these candidates of a block of users."""
        return self.snapshot.features(histories, candidates, as_of=as_of)

    def explain(
        self,
        history: Histories,
        items: IntArray,
        *,
        as_of: Instant,
        allowed: BoolArray | None = None,
        exclude_seen: bool | None = None,
    ) -> tuple[Explanation, ...]:
        """Why each of the given items has its score for one user, in the order of the items.

        Args:
            history: one row, the user's events before `as_of`.
            items: int32 item_idx, none of them -1.
            as_of: the instant of the request, not before `self.as_of`.
            allowed: as it was for `recommend`, left out after `rank`: some features compare an item with those
                allowed beside it.
            exclude_seen: likewise.

        Raises:
            ShapeError: there is no ranker, not one user, or an unknown item.
        """
        if self.ranker is None:
            raise ShapeError("Expected a ranker to explain a score, this recommender has none; train one.")
        if len(history) != 1:
            raise ShapeError(f"Expected the history of one user to explain to, got {len(history)}; ask one by one.")
        known = self._checked(history, [items], as_of)
        may = self.snapshot.allowed(known, as_of=as_of, mask=allowed, exclude_seen=exclude_seen)
        candidates = self.retriever.score(known, [items], as_of=as_of, allowed=may)
        return explain(self.snapshot, self.ranker, known, candidates, as_of=as_of)

    def _checked(self, histories: Histories, items: Sequence[IntArray], as_of: Instant) -> Histories:
        if len(items) != len(histories):
            raise ShapeError(f"Expected one list of items per user, got {len(items)} for {len(histories)} users.")
        given = np.concatenate([np.zeros(0, np.int32), *items])
        odd = given[(given < 0) | (given >= len(self.snapshot.items))]
        if len(odd):
            raise ShapeError(
                f"Expected item_idx from 0 to {len(self.snapshot.items) - 1}, got {odd[0]}; leave unknown items out."
            )
        return histories.before(as_of)

    def _scored(
        self,
        histories: Histories,
        candidates: Candidates,
        as_of: Instant,
        pinned: BoolArray | None,
        besides: BoolArray | None = None,
    ) -> Scored:
        """The candidates of a block by score."""
        interest = self.snapshot.interest(candidates)
        if self.ranker is None:
            score = candidates.fused()
            chance = np.full(len(score), np.nan, np.float32)
        else:
            table = self.snapshot.features(histories, candidates, as_of=as_of, interest=interest)
            table = table.select(self.ranker.features)
            self.lap("features")
            score = self.ranker.score(table)
            chance = self.ranker.chance(score)
        self.lap("trees")
        return Scored.of(candidates, score=score, interest=interest, probability=chance, pinned=pinned, besides=besides)

    def save(self, directory: Path) -> None:
        """Write the snapshot and the ranker into directories of their own below an existing one."""
        (directory / "snapshot").mkdir()
        self.snapshot.save(directory / "snapshot")
        if self.ranker is not None:
            (directory / "ranker").mkdir()
            self.ranker.save(directory / "ranker")

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> "Recommender":
        """Read what `save` wrote from a directory whose files were verified.

        Args:
            directory: where `save` wrote.
            threads: CPU threads of a prediction; whatever the number, the lists are the same.

        Raises:
            ArtifactError: a part is missing, or parts do not fit each other.
            ShapeError: vectors of another catalogue.
        """
        snapshot = Snapshot.load(directory / "snapshot")
        trained = (directory / "ranker").is_dir()
        ranker = Ranker.load(directory / "ranker", threads=threads) if trained else None
        return cls(snapshot=snapshot, ranker=ranker)
