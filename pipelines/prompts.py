"""`recsys bench prompts`: what cloze prompts know of interest beyond popularity, without a label and with a few.

For a shop that has no log yet: the base is pretrained on the item texts known at encoder_end; then it is asked about
pairs of an item a user took after encoder_end and one as popular that the user did not. k labelled users, none of
them among those who judge, tell it what they took in the last tenth before encoder_end.
"""

import itertools
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from pipelines.console import err, progress
from pipelines.source import base_folder, locate
from recsys import settings
from recsys.data.catalog import Catalog
from recsys.data.download import default_cache
from recsys.data.interactions import Interactions
from recsys.data.prepare import parse_until, prepare
from recsys.data.quality import clean
from recsys.data.sources import open_log
from recsys.data.split import TimeSplit
from recsys.evaluation.compare import Estimate, estimate
from recsys.evaluation.matched import MatchedPairs, takers
from recsys.evaluation.metrics import USER
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, Instant, IntArray
from recsys.settings import Settings
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.few_shot import Labelled, tuned
from recsys.text.masked import MaskedModel
from recsys.text.pretrain import pretrain
from recsys.text.prompt import Cloze

DEFAULTS = ("pretrain.steps=200", "pretrain.tokens_per_step=2048")
"""Settings of this command where nothing else is said: the base known by name has no head of its own."""

KS = (16, 64, 256)
SEEDS = (0, 1, 2)

_JUDGES = 400
_PAIRS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One score, judged.

    Attributes:
        name: of the score.
        labelled: users it has learned from.
        auc: mean over the judging users, over `seeds` first; its interval is that of another draw of users.
        seeds: mean AUC of each draw of labelled users; empty where nothing is drawn.
    """

    name: str
    labelled: int
    auc: Estimate
    seeds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What is asked about.

    Attributes:
        catalog: the items.
        titles: item by item; the text where an item has no title.
        interactions: the log.
        split: its cut-offs.
        corpus: what was known at encoder_end.
        judged: pairs after encoder_end.
        labelled: pairs in the last tenth before encoder_end, of other users.
        settings: all settings.
    """

    catalog: Catalog
    titles: Sequence[str]
    interactions: Interactions
    split: TimeSplit
    corpus: Corpus
    judged: MatchedPairs
    labelled: MatchedPairs
    settings: Settings

    @classmethod
    def of(cls, data: str, given: Settings, until: str | None) -> "Shop":
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
        judges = users[: min(_JUDGES, (len(users) + 1) // 2)]
        early = _pairs(interactions, corpus.valid_start, split.encoder_end, given.seed)
        return cls(
            catalog=catalog,
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


def measure(data: str, *, assignments: Sequence[str], until: str | None, form: Literal["json", "table"]) -> None:
    """Print the AUC of every score, each with its interval.

    Raises:
        UsageError: a source or setting that does not exist.
        RecsysError: what reading, pretraining and prompting raise.
    """
    shop = Shop.of(data, settings.load(None, [*DEFAULTS, *assignments]), until)
    rows = [_popularity(shop), _vectors(shop)]
    cloze = Cloze.of(_model(shop), shop.settings.prompt)
    rows.append(Row(name="prompt", labelled=0, auc=_estimate(_auc(shop, cloze))))
    available = len(np.unique(shop.labelled.user_idx))
    rows += [_few_shot(shop, cloze, k) for k in KS if k <= available]
    print(json.dumps([asdict(row) for row in rows], indent=1) if form == "json" else _table(rows))


def _pairs(interactions: Interactions, start: Instant, end: Instant, seed: int) -> MatchedPairs:
    users = interactions.before(start).positives().user_indices()
    return MatchedPairs.of(interactions, users, start=start, end=end, most=_PAIRS, seed=seed)


def _model(shop: Shop) -> MaskedModel:
    """The base with its head, after pretraining where the settings ask for it."""
    base, config = base_folder(shop.settings.encoder.base), shop.settings.pretrain
    if config.steps == 0:
        return MaskedModel.of_base(base)
    with tempfile.TemporaryDirectory() as work, progress("pretraining") as show:
        return pretrain(shop.corpus.texts, base=base, config=config, workdir=Path(work), progress=show).model


def _few_shot(shop: Shop, cloze: Cloze, k: int) -> Row:
    frames = []
    for seed in SEEDS:
        err.print(f"  {k} labelled users, draw {seed + 1} of {len(SEEDS)}", markup=False)
        rng = np.random.default_rng([seed, k])
        pairs = shop.labelled.of_users(rng.permutation(np.unique(shop.labelled.user_idx))[:k])
        histories, candidates = shop.asked(pairs, shop.corpus.valid_start)
        labels = [1] * len(pairs) + [0] * len(pairs)
        with progress("step") as show:
            told = Labelled(histories=histories, candidates=candidates, labels=labels)
            frames.append(_auc(shop, tuned(cloze, told, show)))
    mean = pl.concat(frames).group_by(USER).agg(pl.col("auc").mean()).sort(USER)
    seeds = tuple(float(np.mean(frame["auc"].to_numpy())) for frame in frames)
    return Row(name="prompt", labelled=k, auc=_estimate(mean), seeds=seeds)


def _auc(shop: Shop, cloze: Cloze) -> pl.DataFrame:
    scores = cloze.scores(*shop.asked(shop.judged, shop.split.encoder_end))
    return _judged(shop, scores)


def _judged(shop: Shop, scores: FloatArray) -> pl.DataFrame:
    n = len(shop.judged)
    return shop.judged.auc(scores[:n], scores[n:])


def _popularity(shop: Shop) -> Row:
    """The control: what is left for a score that knows of each item how many take it, and nothing of the user."""
    counts = takers(shop.interactions, shop.split.encoder_end, shop.split.end).astype(np.float32)
    scores = counts[np.concatenate([shop.judged.positive, shop.judged.negative])]
    return Row(name="popularity in the window", labelled=0, auc=_estimate(_judged(shop, scores)))


def _vectors(shop: Shop) -> Row:
    """The other thing that needs no label: the dot product of the base's vectors, less what all texts share."""
    encoder = shop.settings.encoder
    base = TransformerEncoder.of_base(base_folder(encoder.base), max_tokens=encoder.max_tokens, pooling="mean")
    vectors = ItemVectors.of(shop.catalog, base).vectors
    known = shop.catalog.known_before(
        shop.split.encoder_end, shop.interactions.before(shop.split.encoder_end).seen_items()
    )
    vectors = vectors - vectors[known].mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    users = np.unique(shop.judged.user_idx)
    histories = shop.interactions.histories(users, as_of=shop.split.encoder_end)
    model = InterestModel.zero_shot(base.dim, shop.interactions.day)
    of_user = model.user_vectors(histories, vectors, as_of=shop.split.encoder_end)
    rows = np.tile(np.searchsorted(users, shop.judged.user_idx), 2)
    items = np.concatenate([shop.judged.positive, shop.judged.negative])
    return Row(
        name="vectors, zero-shot",
        labelled=0,
        auc=_estimate(_judged(shop, (of_user[rows] * vectors[items]).sum(axis=1))),
    )


def _estimate(per_user: pl.DataFrame) -> Estimate:
    return estimate(per_user, "auc")


def _table(rows: Sequence[Row]) -> str:
    head = ["score", "labelled users", "AUC", "by draw"]
    body = [[r.name, str(r.labelled), figure(r.auc), " ".join(f"{auc:.3f}" for auc in r.seeds)] for r in rows]
    return aligned([head, *body])
