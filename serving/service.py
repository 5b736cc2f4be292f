"""From a validated request to an answer, over one bundle."""

import logging
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.schema import BoolArray, Instant, Lap, moment, unheard
from serving.asked import Asked
from serving.breaker import Breaker
from serving.clock import Clock
from serving.explained import explained
from serving.failures import places
from serving.filters import Shelves
from serving.history import HistoryError, joined, told
from serving.item_schemas import ItemReceipt
from serving.journal import LOG, Journal, LogError
from serving.ladder import DEADLINE, ENCODER, Found, climbed, hasty, popular
from serving.listed import Listed
from serving.record import AnswerRecord
from serving.reply import Reply
from serving.sample import Sample
from serving.schemas import Explanation, Query, RankRequest, RecommendRequest
from serving.state_schemas import BundleInfo
from serving.store import Past, Store, StoreError
from serving.treatment import USUAL_TREATMENT, Treatment

STATE = "state"
"""What was posted could not be read: answers come from what the bundle knows."""

ARMS = "arms"
"""What other arms would propose could not be found: a list is drawn from this arm's candidates alone."""

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
            with suppress(HistoryError):  # its instant may lie after the end of another bundle's log
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

    @property
    def now(self) -> Instant:
        """The instant an answer is true for."""
        return self.clock(self.bundle.end)

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

    def recommend(
        self,
        query: RecommendRequest,
        *,
        treatment: Treatment = USUAL_TREATMENT,
        beside: Sequence["Service"] = (),
        seconds: float = math.inf,
        lap: Lap = unheard,
    ) -> Reply:
        """The best items of the catalogue for a user. Args: as for `chosen`."""
        found = self.chosen(query, treatment=treatment, beside=beside, seconds=seconds, lap=lap)
        return self.answer(query, treatment, found)

    def chosen(
        self,
        query: RecommendRequest,
        *,
        treatment: Treatment = USUAL_TREATMENT,
        beside: Sequence["Service"] = (),
        seconds: float = math.inf,
        lap: Lap = unheard,
    ) -> Listed:
        """The best items of the catalogue for a user, told to nobody yet.

        Args:
            query: what is asked for.
            treatment: who has the last word.
            beside: who else might have answered; a list that is drawn is drawn from their candidates too.
            seconds: how long the answer may take: of few candidates where that is short, what is popular if none is.
            lap: told of each stage that has ended.
        """
        asked = self.asked(query)
        lap(STATE)
        recommender, besides = replace(self.bundle.recommender, lap=lap), None
        if seconds < _HASTE * self.pace * (1 + len(beside)):
            recommender, asked = hasty(recommender), asked.less(DEADLINE)
        elif beside:
            besides, asked = self._besides(beside, query, asked)
        exploration = partial(treatment.exploration, query.request_id or "", besides=besides)
        sample = self._sample(query)
        if seconds <= 0:
            found = popular(recommender, asked.among(recommender), k=query.k)
        else:
            found = climbed(
                recommender,
                lambda way: sample.recommend(way, asked, k=query.k, exploration=exploration()),
                asked.explain if query.explain else None,
                among=lambda: asked.among(recommender),
                k=query.k,
            )
            sample.read(self.bundle.recommender, asked, found)
        return sample.listed(asked, found)

    def rank(
        self,
        query: RankRequest,
        *,
        treatment: Treatment = USUAL_TREATMENT,
        seconds: float = math.inf,
        lap: Lap = unheard,
    ) -> Reply:
        """The given items, best first. Args: as for `chosen`."""
        return self.answer(query, treatment, self.ordered(query, treatment=treatment, seconds=seconds, lap=lap))

    def ordered(
        self,
        query: RankRequest,
        *,
        treatment: Treatment = USUAL_TREATMENT,
        seconds: float = math.inf,
        lap: Lap = unheard,
    ) -> Listed:
        """The given items, best first, told to nobody yet; the most popular first if no `seconds` are left.

        Args: as for `chosen`.
        """
        asked = self.asked(query)
        lap(STATE)
        ids = tuple(dict.fromkeys(query.item_ids))
        item_idx = self.bundle.catalog.vocabulary.encode(ids)
        item_idx[~self.shelves.there[item_idx]] = -1
        unknown = (name for name, i in zip(ids, item_idx, strict=True) if i < 0)
        item_idx = item_idx[item_idx >= 0]
        item_idx = item_idx[asked.given(len(self.bundle.catalog))[item_idx]]
        # whatever else is asked, the given items are compared with all
        asked = replace(asked, allowed=None, exclude_seen=None, unknown=(*asked.unknown, *unknown))
        sample = self._sample(query)
        if seconds <= 0:
            asked, found = asked.less(DEADLINE), popular(self.bundle.recommender, item_idx, k=len(item_idx))
        else:
            found = climbed(
                replace(self.bundle.recommender, lap=lap),
                lambda way: asked.rank(way, item_idx, exploration=treatment.exploration(query.request_id or "")),
                asked.explain if query.explain else None,
                among=lambda: item_idx,
                k=len(item_idx),
            )
            sample.read(self.bundle.recommender, asked, found)
        return sample.listed(asked, found)

    def asked(self, query: Query) -> Asked:
        """What a request comes down to; what was posted is left out where it cannot be read."""
        as_of, bundle = self.now, self.bundle
        unknown, without = list[str](), tuple[str, ...]()
        if query.history is not None:
            items = bundle.catalog.vocabulary
            row, unknown = told(query.history, as_of=as_of, items=items, data=bundle.data)
        else:
            try:
                row = self.known(self.breaker, query.user_id or "")
            except StoreError as error:
                _LOG.warning("An answer without what was posted: %s", error)
                row, without = bundle.histories([query.user_id or ""]), (STATE,)
        return Asked(
            histories=row,
            as_of=as_of,
            allowed=self.shelves.allowed(query.filters),
            exclude_seen=query.exclude_seen,
            unknown=tuple(unknown),
            without=without,
        )

    def known(self, state: Breaker | Store, user_id: str) -> Histories:
        """One row: what is known of a user.

        Raises:
            StoreError: the state cannot be read.
        """
        return self.row(user_id, state.past(user_id, since=self.bundle.end))

    def row(self, user_id: str, past: Past) -> Histories:
        """One row: what the bundle knows of a user, and what was posted since."""
        bundle = self.bundle
        gone = past.forgotten is not None and past.forgotten >= bundle.end
        row = Histories.empty(1) if gone else bundle.histories([user_id])
        if not past.events:
            return row
        return joined(row, past.events, items=bundle.catalog.vocabulary, data=bundle.data)

    def _besides(
        self, beside: Sequence["Service"], query: RecommendRequest, asked: Asked
    ) -> tuple[BoolArray | None, Asked]:
        """Bool (n_items,), what the others would propose, or None and a request that says so where they cannot."""
        items = self.bundle.catalog.vocabulary
        some = np.zeros(len(items) + 1, np.bool_)  # the last one: what this bundle does not know, -1
        try:
            for other in beside:
                found = other.asked(query).proposed(other.bundle.recommender)
                some[items.encode(other.bundle.catalog.vocabulary.decode(found))] = True
        except Exception as error:
            _LOG.error("A list is drawn without what other arms would propose: %s", places(error))
            return None, asked.less(ARMS)
        return some[:-1], asked

    def _sample(self, query: Query) -> Sample:
        return Sample(query.request_id or "", None if self.journal is None else self.journal.config)

    def answer(self, query: RecommendRequest | RankRequest, treatment: Treatment, listed: Listed) -> Reply:
        """A list as it is told, and logged."""
        asked, found = listed.asked, listed.found
        reply = Reply(
            request_id=query.request_id or "",
            as_of=asked.as_of,
            bundle=self.bundle.digest,
            arm=treatment.arm,
            policy=treatment.kind,
            degraded=listed.degraded,
            unknown_items=list(dict.fromkeys(asked.unknown)),
            ids=self.bundle.catalog.vocabulary.ids,
            found=found.items,
            why=self.explained(found),
        )
        candidates, features = listed.candidates, listed.features
        return self.logged(
            AnswerRecord(query=query, reply=reply, treatment=treatment, candidates=candidates, features=features)
        )

    def explained(self, found: Found) -> list[Explanation]:
        """Why each item of a list has its score, as it is told."""
        return [explained(each, self.bundle.catalog, self.shelves) for each in found.why]

    def logged(self, record: AnswerRecord) -> Reply:
        """The answer when the log has it, or the answer that says it is in no log."""
        if self.journal is not None:
            try:
                self.journal.append(record.line())
            except LogError as error:
                _LOG.warning("An answer that is in no log: %s", error)
                return replace(record.reply, degraded=[*record.reply.degraded, LOG])
        return record.reply
