"""From a validated request to an answer, over one bundle."""

import logging
import math
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.ranking import explanation as ranking
from recsys.ranking.rules import permitted, unseen
from recsys.recommender import Recommendations, Recommender
from recsys.schema import EVENTS, Instant, IntArray, Lap, unheard
from serving.breaker import Breaker
from serving.clock import Clock
from serving.filters import Shelves
from serving.history import joined, moment, posted, told
from serving.item_schemas import ItemReceipt
from serving.journal import LOG, Journal, LogError
from serving.ladder import DEADLINE, ENCODER, Found, climbed, hasty, popular
from serving.record import USUAL_TREATMENT, AnswerRecord, post_line
from serving.reply import Reply
from serving.sample import Sample
from serving.schemas import (
    LATEST_EVENTS,
    Because,
    BundleInfo,
    Erased,
    EventsRequest,
    Explanation,
    Query,
    RankRequest,
    Reason,
    Receipt,
    RecommendRequest,
    User,
    UserEvent,
)
from serving.store import Past, Store, StoreError

Q = TypeVar("Q", bound=Query)

STATE = "state"
"""What was posted could not be read: answers come from what the bundle knows."""

_HASTE = 1.5
"""Where less than so many times the pace is left, there is no time for everything."""

_PACES = 5
"""Answers that the pace is the median of."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One bundle, ready to answer.

    Attributes:
        bundle: what answers come from.
        shelves: its catalogue, by what requests filter on.
        store: what happened since its log ended.
        breaker: reads users from it.
        clock: gives the instant an answer is true for.
        journal: the policy log, if there is one.
        stock: number of the last change of items that is known.
        counted: number of the last posted event that the items' counters know.
        pace: seconds that an answer takes; 0 before `warm_up`.
        unread: items, by item_id, whose text could not be encoded; words and behaviour alone find them.
    """

    bundle: Bundle
    shelves: Shelves
    store: Store
    breaker: Breaker
    clock: Clock
    journal: Journal | None = None
    stock: int = 0
    counted: int = 0
    pace: float = 0.0
    unread: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls, directory: Path, *, store: Store, breaker: Breaker, clock: Clock, journal: Journal | None = None
    ) -> "Service":
        """Load a bundle, or what a link to one points to.

        Raises:
            ArtifactError: no bundle, or one that is not whole.
        """
        bundle = Bundle.load(directory)
        return cls(
            bundle=bundle,
            shelves=Shelves.of(bundle.catalog),
            store=store,
            breaker=breaker,
            clock=clock,
            journal=journal,
        )

    def warm_up(self, requests: Sequence[RecommendRequest | RankRequest] = ()) -> "Service":
        """Answer some, and more, so that no customer waits for pages to be read and caches to be filled.

        Returns:
            The same, with its pace.
        """
        user, *_ = (*self.bundle.users.ids[:1], "nobody")
        trial = replace(self, journal=None)
        for request in requests:
            if isinstance(request, RankRequest):
                trial.rank(request)
            else:
                trial.recommend(request)
        paces = []
        for _ in range(_PACES):
            start = time.perf_counter()
            trial.recommend(RecommendRequest(user_id=user))
            paces.append(time.perf_counter() - start)
        return replace(self, pace=statistics.median(paces))

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

    def recommend(self, query: RecommendRequest, *, seconds: float = math.inf, lap: Lap = unheard) -> Reply:
        """The best items of the catalogue for a user.

        Args:
            query: what is asked for.
            seconds: how long the answer may take: of few candidates where that is short, what is popular if none is.
            lap: told of each stage that has ended.
        """
        query = _named(query)
        sample = self._sample(query)
        as_of, histories, unknown, degraded = self._asked(query)
        lap(STATE)
        allowed, exclude_seen = self.shelves.allowed(query.filters), query.exclude_seen
        recommender = replace(self.bundle.recommender, lap=lap)
        if seconds < _HASTE * self.pace:
            recommender, degraded = hasty(recommender), [*degraded, DEADLINE]

        def ask(way: Recommender) -> Recommendations:
            return sample.recommend(way, histories, k=query.k, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen)

        def explain(way: Recommender, items: IntArray) -> Sequence[ranking.Explanation]:
            return way.explain(histories, items, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen)

        def among() -> IntArray:
            may = recommender.snapshot.allowed(histories, as_of=as_of, mask=allowed, exclude_seen=exclude_seen)
            return np.flatnonzero(may[0]).astype(np.int32)

        if seconds <= 0:
            found = popular(recommender, among(), k=query.k)
        else:
            found = climbed(recommender, ask, explain if query.explain else None, among=among, k=query.k)
            sample.read(
                self.bundle.recommender, histories, found, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen
            )
        return self._answer(query, as_of, unknown, degraded, found, sample)

    def rank(self, query: RankRequest, *, seconds: float = math.inf, lap: Lap = unheard) -> Reply:
        """The given items, best first; the most popular first if no `seconds` are left."""
        query = _named(query)
        sample = self._sample(query)
        as_of, histories, unknown, degraded = self._asked(query)
        lap(STATE)
        ids = tuple(dict.fromkeys(query.item_ids))
        item_idx = self.bundle.catalog.vocabulary.encode(ids)
        item_idx[~self.shelves.there[item_idx]] = -1
        unknown = [*unknown, *(name for name, i in zip(ids, item_idx, strict=True) if i < 0)]
        n_items = len(self.bundle.catalog)
        fresh = unseen(histories, n_items) if query.exclude_seen else None
        kept = permitted(1, n_items, [self.shelves.allowed(query.filters), fresh])[0]
        item_idx = item_idx[item_idx >= 0]
        item_idx = item_idx[kept[item_idx]]

        if seconds <= 0:
            found = popular(self.bundle.recommender, item_idx, k=len(item_idx))
            return self._answer(query, as_of, unknown, [*degraded, DEADLINE], found, sample)

        def ask(way: Recommender) -> Recommendations:
            return way.rank(histories, [item_idx], as_of=as_of)

        def explain(way: Recommender, items: IntArray) -> Sequence[ranking.Explanation]:
            return way.explain(histories, items, as_of=as_of)

        explained = explain if query.explain else None
        recommender = replace(self.bundle.recommender, lap=lap)
        found = climbed(recommender, ask, explained, among=lambda: item_idx, k=len(item_idx))
        sample.read(self.bundle.recommender, histories, found, as_of=as_of)
        return self._answer(query, as_of, unknown, degraded, found, sample)

    def asked(self, query: Query) -> tuple[Histories, Instant]:
        """Whose list a request is for, as one row, and as of when."""
        as_of, histories, _, _ = self._asked(query)
        return histories, as_of

    def post(self, request: EventsRequest) -> Receipt:
        """Remember what users did.

        Raises:
            HistoryError: an event that lies further in the future than clocks differ.
            ConflictError: an event_id that was used before for something else.
            StoreError: the state cannot be written.
            LogError: the log cannot; to be posted again, the state counts it once.
        """
        now, known = self.clock(self.bundle.end), self.bundle.catalog.vocabulary.index
        events = [posted(n, event, now) for n, event in enumerate(request.events)]
        accepted = self.store.post(events, now=now)
        if self.journal is not None:
            self.journal.append(post_line(events, at=now))
        self.breaker.probe()  # the next answer must know of it
        unknown = [event.item_id for event in request.events if event.item_id not in known]
        return Receipt(accepted=accepted, unknown_items=list(dict.fromkeys(unknown)))

    def user(self, user_id: str) -> User | None:
        """What is known of a user; None if nothing is.

        Raises:
            StoreError: the state cannot be read.
        """
        row = self._known(self.store, user_id)
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

    def _asked(self, query: Query) -> tuple[Instant, Histories, list[str], list[str]]:
        """Now, one row of history, the item ids in it that the catalogue does not know, and what could not be used."""
        as_of = self.clock(self.bundle.end)
        if query.history is not None:
            items = self.bundle.catalog.vocabulary
            return as_of, *told(query.history, as_of=as_of, items=items, data=self.bundle.data), []
        try:
            return as_of, self._known(self.breaker, query.user_id or ""), [], []
        except StoreError as error:
            _LOG.warning("An answer without what was posted: %s", error)
            return as_of, self.bundle.histories([query.user_id or ""]), [], [STATE]

    def _known(self, state: Breaker | Store, user_id: str) -> Histories:
        return self.row(user_id, state.past(user_id, since=self.bundle.end))

    def row(self, user_id: str, past: Past) -> Histories:
        """One row: what the bundle knows of a user, and what was posted since."""
        bundle = self.bundle
        gone = past.forgotten is not None and past.forgotten >= bundle.end
        row = Histories.empty(1) if gone else bundle.histories([user_id])
        if not past.events:
            return row
        return joined(row, past.events, items=bundle.catalog.vocabulary, data=bundle.data)

    def _sample(self, query: Query) -> Sample:
        return Sample(query.request_id or "", None if self.journal is None else self.journal.config)

    def _answer(
        self,
        query: RecommendRequest | RankRequest,
        as_of: Instant,
        unknown: Sequence[str],
        degraded: list[str],
        found: Found,
        sample: Sample,
    ) -> Reply:
        reply = Reply(
            request_id=query.request_id or "",
            as_of=as_of,
            bundle=self.bundle.digest,
            arm=USUAL_TREATMENT.arm,
            policy=USUAL_TREATMENT.policy,
            degraded=[*degraded, *found.without],
            unknown_items=list(dict.fromkeys(unknown)),
            ids=self.bundle.catalog.vocabulary.ids,
            found=found.items,
            why=[self._why(each) for each in found.why],
        )
        return self._logged(
            AnswerRecord(
                query=query,
                reply=reply,
                treatment=USUAL_TREATMENT,
                candidates=sample.candidates(found),
                features=sample.features,
            )
        )

    def _logged(self, record: AnswerRecord) -> Reply:
        """The answer when the log has it, or the answer that says it is in no log."""
        if self.journal is not None:
            try:
                self.journal.append(record.line())
            except LogError as error:
                _LOG.warning("An answer that is in no log: %s", error)
                return replace(record.reply, degraded=[*record.reply.degraded, LOG])
        return record.reply

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


def _named(query: Q) -> Q:
    """The request with a name of its own, where it has none."""
    return query if query.request_id is not None else query.model_copy(update={"request_id": str(uuid.uuid4())})
