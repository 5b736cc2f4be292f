"""Whom `recsys bench prompts` asks about what: pairs of items, histories in words, who judges and who teaches."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.source import base_folder, locate
from recsys.data.catalog import Catalog
from recsys.data.download import default_cache
from recsys.data.interactions import Interactions
from recsys.data.prepare import parse_until, prepare
from recsys.data.quality import clean
from recsys.data.sources import open_log
from recsys.data.split import TimeSplit
from recsys.evaluation.matched import MatchedPairs
from recsys.retrieval.embeddings import ItemVectors
from recsys.schema import BoolArray, FloatArray, Instant, IntArray
from recsys.settings import Settings
from recsys.text.bases.config import EncoderConfig
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.whitening import untrained

JUDGES = 300
"""Most users who judge; at most half of those there are, for others are to teach."""

_PAIRS = 3
"""Most pairs of one user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is asked about.

    Attributes:
        titles: item by item; the text where an item has no title.
        interactions: the log.
        split: its cut-offs.
        corpus: what was known at encoder_end.
        known: (n_items,), items known at encoder_end.
        vectors: float32 (n_items, d), the untrained base's, less what the known items share, at unit length.
        judged: pairs after encoder_end.
        labelled: pairs in the last tenth before encoder_end, of other users.
        settings: all settings.
    """

    titles: Sequence[str]
    interactions: Interactions
    split: TimeSplit
    corpus: Corpus
    known: BoolArray
    vectors: FloatArray
    judged: MatchedPairs
    labelled: MatchedPairs
    settings: Settings

    @classmethod
    def of(cls, data: str, given: Settings, until: str | None) -> "Survey":
        """Read, check and cut a log, and draw the pairs."""
        source, _ = locate(data)
        log = clean(open_log(source, mapping=given.data.mapping, cache=default_cache()), given.quality)
        catalog, interactions = prepare(log, data=given.data, until=None if until is None else parse_until(until))
        split = TimeSplit.of(interactions, given.split)
        fraction = given.finetune.valid_fraction
        corpus = Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=fraction)
        judged = _pairs(interactions, split.encoder_end, split.end, given.seed)
        rng = np.random.default_rng(given.seed)
        users = rng.permutation(np.unique(judged.user_idx))
        judges = users[: min(JUDGES, (len(users) + 1) // 2)]
        early = _pairs(interactions, corpus.valid_start, split.encoder_end, given.seed)
        seen = interactions.before(split.encoder_end).seen_items()
        known = catalog.known_before(split.encoder_end, seen)
        return cls(
            known=known,
            vectors=_base_vectors(catalog, known, given.encoder, whiten=given.finetune.whitening),
            titles=[title or text for title, text in zip(catalog.items["title"], catalog.texts, strict=True)],
            interactions=interactions,
            split=split,
            corpus=corpus,
            judged=judged.of_users(judges),
            labelled=early.of_users(np.setdiff1d(early.user_idx, judges)),
            settings=given,
        )

    def asked(self, pairs: MatchedPairs, as_of: Instant) -> tuple[list[Sequence[str]], list[str]]:
        """Histories and candidates: first of all positives, then of all negatives."""
        history = self._histories(np.unique(pairs.user_idx), as_of)
        histories = [history[user] for user in pairs.user_idx.tolist()]
        return histories * 2, [self.titles[i] for i in (*pairs.positive.tolist(), *pairs.negative.tolist())]

    def _histories(self, users: IntArray, as_of: Instant) -> Mapping[int, Sequence[str]]:
        """Distinct titles, oldest first, by user."""
        found = self.interactions.histories(users, as_of=as_of).positives()
        out = {}
        for user, start, end in zip(users.tolist(), found.indptr[:-1], found.indptr[1:], strict=True):
            latest = dict.fromkeys(self.titles[i] for i in found.item_idx[start:end][::-1].tolist())
            out[user] = tuple(itertools.islice(latest, self.settings.prompt.history_items))[::-1]
        return out


def _base_vectors(catalog: Catalog, known: BoolArray, encoder: EncoderConfig, *, whiten: bool) -> FloatArray:
    folder = base_folder(encoder.base, revision=encoder.revision)
    base = TransformerEncoder.of_base(folder, max_tokens=encoder.max_tokens, pooling=encoder.pooling)
    return untrained(ItemVectors.of(catalog, base).vectors, known, whiten=whiten)


def _pairs(interactions: Interactions, start: Instant, end: Instant, seed: int) -> MatchedPairs:
    users = interactions.before(start).positives().user_indices()
    return MatchedPairs.of(interactions, users, start=start, end=end, most=_PAIRS, seed=seed)
