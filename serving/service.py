"""From a validated request to an answer, over one bundle."""

import logging
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.ranking import explanation as ranking
from recsys.ranking.rules import permitted, unseen
from recsys.recommender import Recommendations
from recsys.schema import EVENTS, Instant, Lap, unheard
from serving.clock import Clock
from serving.filters import Shelves
from serving.history import joined, moment, posted, told
from serving.item_schemas import ItemReceipt
from serving.schemas import (
    LATEST_EVENTS,
    Answer,
    Because,
    BundleInfo,
    Erased,
    EventsRequest,
    Explanation,
    Query,
    RankedItem,
    RankRequest,
    Reason,
    Receipt,
    RecommendRequest,
    User,
    UserEvent,
)
from serving.store import Store, StoreError

STATE = "state"
"""What was posted could not be read: answers come from what the bundle knows."""

ENCODER = "encoder"
"""The text of an item could not be encoded: words and behaviour alone find it."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One bundle, ready to answer.

    Attributes:
        bundle: what answers come from.
        shelves: its catalogue, by what requests filter on.
        store: what happened since its log ended.
        clock: gives the instant an answer is true for.
        stock: number of the last change of items that is known.
        unread: items, by item_id, whose text could not be encoded; words and behaviour alone find them.
    """

    bundle: Bundle
    shelves: Shelves
    store: Store
    clock: Clock
    stock: int = 0
    unread: frozenset[str] = frozenset()

    @classmethod
    def open(cls, directory: Path, *, store: Store, clock: Clock) -> "Service":
        """Load a bundle, or what a link to one points to.

        Raises:
            ArtifactError: no bundle, or one that is not whole.
        """
        bundle = Bundle.load(directory)
        return cls(bundle=bundle, shelves=Shelves.of(bundle.catalog), store=store, clock=clock)

    def warm_up(self, requests: Sequence[RecommendRequest | RankRequest] = ()) -> None:
        """Answer some, and one more, so that no customer waits for pages to be read and caches to be filled."""
        user, *_ = (*self.bundle.users.ids[:1], "nobody")
        for request in (*requests, RecommendRequest(user_id=user)):
            if isinstance(request, RankRequest):
                self.rank(request)
            else:
                self.recommend(request)

    def has(self, item_id: str) -> bool:
        """Whether an item can be in an answer."""
        return item_id in self.bundle.catalog.vocabulary.index and item_id not in self.shelves.gone

    def item(self, item_id: str, *, known: bool) -> ItemReceipt:
        """What an item is; `known`: whether it was there before."""
        if not self.has(item_id):
            return ItemReceipt(item_id=item_id, known=known)
        text = self.bundle.catalog.items["text"][self.bundle.catalog.vocabulary.index[item_id]]
        return ItemReceipt(
            item_id=item_id, known=known, text=text, degraded=[ENCODER] if item_id in self.unread else []
        )

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

    def recommend(self, query: RecommendRequest, lap: Lap = unheard) -> Answer:
        """The best items of the catalogue for a user."""
        recommender = replace(self.bundle.recommender, lap=lap)
        as_of = self.clock(self.bundle.end)
        histories, unknown, degraded = self._histories(query, as_of)
        lap(STATE)
        allowed = self.shelves.allowed(query.filters)
        found = recommender.recommend(
            histories, k=query.k, as_of=as_of, allowed=allowed, exclude_seen=query.exclude_seen
        )
        why: Sequence[ranking.Explanation] = ()
        if query.explain and recommender.ranker is not None:
            why = recommender.explain(
                histories, found.item_idx, as_of=as_of, allowed=allowed, exclude_seen=query.exclude_seen
            )
            lap("explain")
        return self._answer(query, as_of, unknown, degraded, self._items(found, why))

    def rank(self, query: RankRequest, lap: Lap = unheard) -> Answer:
        """The given items, best first."""
        recommender, n_items = replace(self.bundle.recommender, lap=lap), len(self.bundle.catalog)
        as_of = self.clock(self.bundle.end)
        histories, unknown, degraded = self._histories(query, as_of)
        lap(STATE)
        ids = tuple(dict.fromkeys(query.item_ids))
        item_idx = self.bundle.catalog.vocabulary.encode(ids)
        item_idx[~self.shelves.there[item_idx]] = -1
        unknown += [name for name, i in zip(ids, item_idx, strict=True) if i < 0]
        fresh = unseen(histories, n_items) if query.exclude_seen else None
        kept = permitted(1, n_items, [self.shelves.allowed(query.filters), fresh])[0]
        item_idx = item_idx[item_idx >= 0]
        found = recommender.rank(histories, [item_idx[kept[item_idx]]], as_of=as_of)
        why: Sequence[ranking.Explanation] = ()
        if query.explain and recommender.ranker is not None:
            why = recommender.explain(histories, found.item_idx, as_of=as_of)
            lap("explain")
        return self._answer(query, as_of, unknown, degraded, self._items(found, why))

    def asked(self, query: Query) -> tuple[Histories, Instant]:
        """Whose list a request is for, as one row, and as of when."""
        as_of = self.clock(self.bundle.end)
        return self._histories(query, as_of)[0], as_of

    def post(self, request: EventsRequest) -> Receipt:
        """Remember what users did.

        Raises:
            HistoryError: an event that lies further in the future than clocks differ.
            ConflictError: an event_id that was used before for something else.
            StoreError: the state cannot be written.
        """
        now, known = self.clock(self.bundle.end), self.bundle.catalog.vocabulary.index
        accepted = self.store.post([posted(n, event, now) for n, event in enumerate(request.events)], now=now)
        unknown = [event.item_id for event in request.events if event.item_id not in known]
        return Receipt(accepted=accepted, unknown_items=list(dict.fromkeys(unknown)))

    def user(self, user_id: str) -> User | None:
        """What is known of a user; None if nothing is.

        Raises:
            StoreError: the state cannot be read.
        """
        row = self._known(user_id)
        ids = self.bundle.catalog.vocabulary.ids
        columns = (
            column[: -LATEST_EVENTS - 1 : -1].tolist() for column in (row.item_idx, row.event, row.at, row.value)
        )
        latest = [
            UserEvent(
                item_id=ids[item], event=EVENTS[event], timestamp=moment(at), value=None if math.isnan(value) else value
            )
            for item, event, at, value in zip(*columns, strict=True)
        ]
        return User(user_id=user_id, events=len(row.item_idx), latest=latest) if latest else None

    def forget(self, user_id: str) -> Erased:
        """Erase a user: from now on a newcomer, also where the bundle knows better.

        Raises:
            StoreError: the state cannot be written.
        """
        return Erased(user_id=user_id, erased=self.store.forget(user_id, now=self.clock(self.bundle.end)))

    def _histories(self, query: Query, as_of: Instant) -> tuple[Histories, list[str], list[str]]:
        """One row of history, the item ids in it that the catalogue does not know, and what could not be used."""
        if query.history is not None:
            items = self.bundle.catalog.vocabulary
            return *told(query.history, as_of=as_of, items=items, data=self.bundle.data), []
        try:
            return self._known(query.user_id or ""), [], []
        except StoreError as error:
            _LOG.warning("An answer without what was posted: %s", error)
            return self.bundle.histories([query.user_id or ""]), [], [STATE]

    def _known(self, user_id: str) -> Histories:
        """One row: what the bundle knows of a user, and what was posted since."""
        past, bundle = self.store.past(user_id, since=self.bundle.end), self.bundle
        gone = past.forgotten is not None and past.forgotten >= bundle.end
        row = Histories.empty(1) if gone else bundle.histories([user_id])
        if not past.events:
            return row
        return joined(row, past.events, items=bundle.catalog.vocabulary, data=bundle.data)

    def _answer(
        self, query: Query, as_of: Instant, unknown: Sequence[str], degraded: list[str], items: list[RankedItem]
    ) -> Answer:
        return Answer(
            request_id=query.request_id or str(uuid.uuid4()),
            as_of=moment(as_of),
            bundle=self.bundle.digest,
            arm="default",
            policy="deterministic",
            degraded=degraded,
            unknown_items=list(dict.fromkeys(unknown)),
            items=items,
        )

    def _items(self, found: Recommendations, why: Sequence[ranking.Explanation]) -> list[RankedItem]:
        """One list; `why` is of each item, or empty."""
        ids = self.bundle.catalog.vocabulary.ids
        names, rule_names = list(enumerate(found.source_names)), list(enumerate(found.rule_names))
        chances = [None if math.isnan(chance) else chance for chance in found.probability.tolist()]
        columns = (found.item_idx, found.score, found.interest, found.propensity, found.sources, found.rules)
        explained: Sequence[Explanation | None] = [self._why(each) for each in why] or [None] * len(found.item_idx)
        rows = zip(*(column.tolist() for column in columns), chances, explained, strict=True)
        return [
            RankedItem(
                item_id=ids[item],
                rank=rank,
                score=score,
                interest=interest,
                probability=chance,
                propensity=propensity,
                sources=[name for bit, name in names if sources >> bit & 1],
                rules=[name for bit, name in rule_names if rules >> bit & 1] or None,
                explanation=explanation,
            )
            for rank, (item, score, interest, propensity, sources, rules, chance, explanation) in enumerate(rows, 1)
        ]

    def _why(self, explanation: ranking.Explanation) -> Explanation:
        """The same in the shape that crosses the door."""
        item, items = explanation.because, self.bundle.catalog.items
        return Explanation(
            base=explanation.base,
            contributions=dict(explanation.contributions),
            reasons=[Reason(group=r.group, text=r.text, share=r.share) for r in explanation.reasons],
            because=None
            if item is None or not self.shelves.there[item]
            else Because(item_id=items["item_id"][item], title=items["title"][item]),
        )
