"""All sources of candidates behind one door."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recsys.data.interactions import Histories
from recsys.data.storage import read_json, write_json
from recsys.errors import ShapeError
from recsys.retrieval.candidates import DENSE, SOURCES, Candidates
from recsys.retrieval.collaborative import NAMES, Behaviour
from recsys.retrieval.config import RetrievalConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.index_segment import Hits
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.kernels import lay, pick
from recsys.retrieval.lexical import Lexicon
from recsys.retrieval.neighbours import ItemItem, alike, alike_with
from recsys.retrieval.products import along
from recsys.retrieval.tops import propose
from recsys.schema import BoolArray, FloatArray, Instant, IntArray, LongArray, WordArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Retriever:
    """All sources behind one door.

    Attributes:
        vectors: float32 (n_items, d), the items' text vectors.
        index: the same, prepared for search.
        interest: makes user vectors.
        behaviour: who took what, as of an instant.
        similar: items whose texts are alike.
        lexicon: the words of the texts.
        config: how many items each source proposes.
    """

    vectors: FloatArray
    index: ItemIndex
    interest: InterestModel
    behaviour: Behaviour
    similar: ItemItem
    lexicon: Lexicon
    config: RetrievalConfig

    @classmethod
    def of(
        cls,
        vectors: FloatArray,
        texts: Sequence[str],
        *,
        interest: InterestModel,
        behaviour: Behaviour,
        known: BoolArray,
        config: RetrievalConfig,
    ) -> "Retriever":
        """Index vectors and texts; `known` (n_items,) are the items that statistics over items may read."""
        return cls(
            vectors=vectors,
            index=ItemIndex.build(vectors, config.index, known=known),
            interest=interest,
            behaviour=behaviour,
            similar=_alike(vectors, known, behaviour, config),
            lexicon=Lexicon.of(texts, known),
            config=config,
        )

    def reread(self, vectors: FloatArray, interest: InterestModel, *, known: BoolArray) -> "Retriever":
        """The same with items and users read by another encoder; arguments as for `of`."""
        return replace(
            self,
            vectors=vectors,
            index=ItemIndex.build(vectors, self.config.index, known=known),
            interest=interest,
            similar=_alike(vectors, known, self.behaviour, self.config),
        )

    def put(self, vectors: FloatArray, items: IntArray, texts: Sequence[str], *, known: BoolArray) -> "Retriever":
        """For a catalogue that some items were put into; the text sources find them, behaviour knows nothing of them.

        Args:
            vectors: float32 (n_items, d), of the grown catalogue.
            items: int32 (m,), what was added or replaced, every new item among them.
            texts: of these, in the same order.
            known: bool (n_items,), items that statistics over items may read.
        """
        return replace(
            self,
            vectors=vectors,
            index=self._index_with(vectors, items),
            behaviour=self.behaviour.grown(len(vectors)),
            similar=alike_with(self.similar, vectors, known, items, n=self.config.similar_items),
            lexicon=self.lexicon.put(items, texts),
        )

    def _index_with(self, vectors: FloatArray, items: IntArray) -> ItemIndex:
        replaced = items[items < len(self.vectors)]
        grown = self.index.update(replaced, vectors[replaced]) if len(replaced) else self.index
        return grown.add(vectors[len(self.vectors) :]) if len(vectors) > len(self.vectors) else grown

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many items each of `SOURCES` proposes."""
        return tuple(getattr(self.config, name) for name in SOURCES)

    def retrieve(
        self, histories: Histories, *, as_of: Instant, allowed: BoolArray, besides: BoolArray | None = None
    ) -> Candidates:
        """What the sources propose for each user.

        Args:
            histories: events before `as_of`.
            as_of: the instant ages are measured at.
            allowed: bool (n, n_items), items that may be proposed.
            besides: bool (n, n_items), items that are candidates whether proposed or not; none if None.

        Returns:
            A user's candidates, ascending by item; they do not depend on the other users. A source proposes only items
            it knows something about (score > 0), so a row may be short or empty.
        """
        found = self._ask(histories, as_of, allowed)
        wanted = found.proposed > 0 if besides is None else (found.proposed > 0) | besides
        flat, ends = np.flatnonzero(wanted), np.arange(len(histories) + 1) * len(self.vectors)
        indptr = np.searchsorted(flat, ends)
        columns = flat - np.repeat(ends[:-1], np.diff(indptr))
        pairs = self._pairs(found, indptr, columns.astype(np.int32))
        return pairs if self.config.most is None else pairs.leading(self.config.most, besides=besides)

    def score(
        self, histories: Histories, items: Sequence[IntArray], *, as_of: Instant, allowed: BoolArray | None = None
    ) -> Candidates:
        """The same for given items, whether proposed or not.

        Args:
            histories: events before `as_of`.
            items: int32 item_idx for each user, none of them -1.
            as_of: the instant ages are measured at.
            allowed: bool (n, n_items), items among which `Candidates.best` is taken; all if None.
        """
        indptr = np.concatenate([[0], np.cumsum([len(i) for i in items])]).astype(np.int64)
        pairs = np.concatenate([np.zeros(0, np.int32), *items]).astype(np.int32)
        if allowed is None:
            allowed = np.ones((len(histories), len(self.vectors)), np.bool_)
        return self._pairs(self._ask(histories, as_of, allowed), indptr, pairs)

    def _ask(self, histories: Histories, as_of: Instant, allowed: BoolArray) -> "_Answers":
        if allowed.shape != (len(histories), len(self.vectors)):
            raise ShapeError(
                f"Retriever: expected `allowed` of shape {(len(histories), len(self.vectors))}, got {allowed.shape}."
            )
        dense = self._dense(histories, as_of)
        users = self.interest.user_vectors(histories, self.vectors, as_of=as_of)
        proposed = np.zeros(allowed.shape, np.uint16)
        best = np.full((len(histories), len(SOURCES), max(self.sizes)), -np.inf, np.float32)
        propose(dense, allowed, np.array(self.sizes), proposed, best)
        for rows, hits in self._by_text(users, allowed):
            near, place = np.nonzero(hits.score > 0)
            proposed[rows[near], hits.item_idx[near, place]] |= np.uint16(1 << len(DENSE))
            best[rows[near], -1, place] = hits.score[near, place]
        return _Answers(dense=dense, users=users, proposed=proposed, best=best)

    def _dense(self, histories: Histories, as_of: Instant) -> FloatArray:
        """float32 (len(DENSE), n, n_items)."""
        asked = self.behaviour.read(histories, as_of=as_of)
        dense = np.zeros((len(DENSE), len(histories), len(self.vectors)), np.float32)
        *_, own, similar, lexical = dense
        self.behaviour.scores(histories, as_of=as_of, read=asked, out=dense[: len(NAMES)])
        lay(asked.recent.indptr, asked.recent.indices, asked.recent.data, own)
        self.similar.scores(asked.recent, similar)
        self.lexicon.scores(histories, lexical)
        return dense

    def _by_text(self, users: FloatArray, allowed: BoolArray) -> Iterator[tuple[LongArray, Hits]]:
        """(rows, hits) of users with a vector: in one search, where all may have the same."""
        told = np.flatnonzero(users.any(axis=1))
        alike = len(told) < 2 or bool((allowed[told] == allowed[told[0]]).all())
        for rows in [told] if alike and len(told) else told[:, None]:
            yield rows, self.index.search(users[rows], self.sizes[-1], allowed=allowed[rows[0]])

    def _pairs(self, found: "_Answers", indptr: LongArray, items: IntArray) -> Candidates:
        n = len(indptr) - 1
        rows = np.repeat(np.arange(n), np.diff(indptr))
        scores = np.empty((len(SOURCES), len(items)), np.float32)
        pick(found.dense, indptr, items, scores)
        along(np.asarray(self.vectors), indptr, items, found.users, np.arange(n), scores[-1])
        return Candidates(
            indptr=indptr, item_idx=items, sources=found.proposed[rows, items], scores=scores.T, best=found.best
        )

    def save(self, directory: Path) -> None:
        """Write the parts, but not the vectors, into an existing directory."""
        for name, part in (("index", self.index), ("interest", self.interest), ("behaviour", self.behaviour)):
            (directory / name).mkdir()
            part.save(directory / name)
        self.similar.save(directory, "similar")
        self.lexicon.save(directory)
        write_json(directory / "retriever.json", self.config.model_dump(mode="json"))

    @classmethod
    def load(cls, directory: Path, vectors: FloatArray) -> "Retriever":
        """Read what `save` wrote.

        Raises:
            ArtifactError: a part is missing, or parts do not fit each other.
        """
        return cls(
            vectors=vectors,
            index=ItemIndex.load(directory / "index", vectors),
            interest=InterestModel.load(directory / "interest"),
            behaviour=Behaviour.load(directory / "behaviour"),
            similar=ItemItem.load(directory, "similar", len(vectors)),
            lexicon=Lexicon.load(directory, len(vectors)),
            config=RetrievalConfig.model_validate(read_json(directory / "retriever.json")),
        )


def _alike(vectors: FloatArray, known: BoolArray, behaviour: Behaviour, config: RetrievalConfig) -> ItemItem:
    """Of the most popular items, where they are too many."""
    most = config.similar_max_items
    order = None if len(vectors) <= most else np.argsort(-behaviour.popularity, kind="stable")[:most]
    of = None if order is None else np.sort(order).astype(np.int32)
    return alike(vectors, known, n=config.similar_items, config=config.index, of=of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What the sources say to a block of users: scores of all items, user vectors, bits of proposals, best scores."""

    dense: FloatArray
    users: FloatArray
    proposed: WordArray
    best: FloatArray
