"""From a validated request to an answer, over one bundle."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.bundle import CURRENT, Bundle
from recsys.data.interactions import Histories
from recsys.ranking.rules import permitted, unseen
from recsys.recommender import Recommendations
from recsys.schema import Instant
from serving.clock import Clock
from serving.filters import Shelves
from serving.history import moment, told
from serving.schemas import Answer, BundleInfo, Query, RankedItem, RankRequest, RecommendRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One bundle, ready to answer.

    Attributes:
        bundle: what answers come from.
        shelves: its catalogue, by what requests filter on.
        clock: gives the instant an answer is true for.
    """

    bundle: Bundle
    shelves: Shelves
    clock: Clock

    @classmethod
    def open(cls, bundle_root: Path, *, clock: Clock) -> "Service":
        """Load what `bundle_root`/current points to.

        Raises:
            ArtifactError: no bundle, or one that is not whole.
        """
        bundle = Bundle.load(bundle_root / CURRENT)
        return cls(bundle=bundle, shelves=Shelves.of(bundle.catalog), clock=clock)

    def warm_up(self) -> None:
        """Answer once, so that no customer waits for pages to be read and caches to be filled."""
        users = self.bundle.users.ids[:1] or ("",)
        self.recommend(RecommendRequest(user_id=users[0] or "nobody"))

    def info(self) -> BundleInfo:
        """What is being served."""
        return BundleInfo(
            bundle=self.bundle.digest,
            end=moment(self.bundle.end),
            users=len(self.bundle.users),
            items=len(self.bundle.catalog),
            catalog=self.bundle.catalog.digest,
            encoder=self.bundle.encoder.digest,
        )

    def recommend(self, query: RecommendRequest) -> Answer:
        """The best items of the catalogue for a user."""
        as_of = self.clock(self.bundle.end)
        histories, unknown = self._histories(query, as_of)
        found = self.bundle.recommender.recommend(
            histories,
            k=query.k,
            as_of=as_of,
            allowed=self.shelves.allowed(query.filters),
            exclude_seen=query.exclude_seen,
        )
        return self._answer(query, found, as_of=as_of, unknown=unknown)

    def rank(self, query: RankRequest) -> Answer:
        """The given items, best first."""
        as_of = self.clock(self.bundle.end)
        histories, unknown = self._histories(query, as_of)
        ids = tuple(dict.fromkeys(query.item_ids))
        item_idx = self.bundle.catalog.vocabulary.encode(ids)
        unknown += [name for name, i in zip(ids, item_idx, strict=True) if i < 0]
        item_idx = item_idx[item_idx >= 0]
        unseen_only = unseen(histories, len(self.bundle.catalog)) if query.exclude_seen else None
        kept = permitted(1, len(self.bundle.catalog), [self.shelves.allowed(query.filters), unseen_only])[0]
        found = self.bundle.recommender.rank(histories, [item_idx[kept[item_idx]]], as_of=as_of)
        return self._answer(query, found, as_of=as_of, unknown=unknown)

    def _histories(self, query: Query, as_of: Instant) -> tuple[Histories, list[str]]:
        """One row of history, and the item ids in it that the catalogue does not know."""
        if query.history is None:
            return self.bundle.histories([query.user_id or ""]), []
        return told(query.history, as_of=as_of, items=self.bundle.catalog.vocabulary, data=self.bundle.data)

    def _answer(self, query: Query, found: Recommendations, *, as_of: Instant, unknown: Sequence[str]) -> Answer:
        return Answer(
            request_id=query.request_id or str(uuid.uuid4()),
            as_of=moment(as_of),
            bundle=self.bundle.digest,
            arm="default",
            policy="deterministic",
            degraded=[],
            unknown_items=list(dict.fromkeys(unknown)),
            items=self._items(found),
        )

    def _items(self, found: Recommendations) -> list[RankedItem]:
        rows = zip(
            self.bundle.catalog.vocabulary.decode(found.item_idx.tolist()),
            found.score.tolist(),
            found.interest.tolist(),
            found.propensity.tolist(),
            found.sources.tolist(),
            strict=True,
        )
        names = list(enumerate(found.source_names))
        return [
            RankedItem(
                item_id=item_id,
                rank=rank,
                score=score,
                interest=interest,
                propensity=propensity,
                sources=[name for bit, name in names if sources >> bit & 1],
            )
            for rank, (item_id, score, interest, propensity, sources) in enumerate(rows, 1)
        ]
