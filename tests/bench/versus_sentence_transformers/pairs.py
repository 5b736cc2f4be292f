"""One log as both trainers read it: a `Corpus` for ours, for theirs Parquet files that need nothing of this project.

- pairs.parquet: anchor, positive: a history as text and the text taken next; only events that teach, in random order.
- texts.parquet: text: every distinct item text known before encoder_end.
- users.parquet: history, taken, truth: the validation users; the last two are rows of texts.parquet.

An item's text is cut to as many tokens as our encoder reads. A history is its distinct items, the latest first, as many
as fit into 256 tokens, so that what does not fit is the oldest.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from recsys.data.config import DataConfig, MappingConfig, QualityConfig, SplitConfig
from recsys.data.download import default_cache
from recsys.data.interactions import Histories
from recsys.data.prepare import prepare
from recsys.data.quality import clean
from recsys.data.sources import open_log
from recsys.data.split import TimeSplit
from recsys.text.bases.config import EncoderConfig
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation

HISTORY_TOKENS = 256
MOST_PAIRS = 60_000
"""More than the other trainer reads in any budget here; drawn at random where there are more."""

_JOIN = " [SEP] "


def corpus_of(data: Path) -> Corpus:
    """What the default settings show the encoder of a log in the plain form."""
    log = clean(open_log(str(data), mapping=MappingConfig(), cache=default_cache()), QualityConfig())
    catalog, interactions = prepare(log, data=DataConfig())
    split = TimeSplit.of(interactions, SplitConfig())
    return Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=FinetuneConfig().valid_fraction)


def write(corpus: Corpus, base: Path, out: Path, *, seed: int = 0) -> int:
    """Write the three files and return how many pairs there are to draw from."""
    texts, lengths = shortened(corpus.texts, base, tokens=EncoderConfig().max_tokens)
    teaching = corpus.teaching()
    events, past = examples(teaching)
    chosen = np.random.default_rng(seed).permutation(events)[:MOST_PAIRS]
    anchors = [history_text(past(event), texts, lengths) for event in chosen]
    positives = [texts[i] for i in teaching.text[chosen]]
    pl.DataFrame({"anchor": anchors, "positive": positives}).write_parquet(out / "pairs.parquet")
    pl.DataFrame({"text": texts}).write_parquet(out / "texts.parquet")
    judge = Validation.of(corpus)
    users = {
        "history": [history_text(row, texts, lengths) for row in rows_of(judge.histories)],
        "taken": [judge.taken[[row]].indices.tolist() for row in range(judge.taken.shape[0])],
        "truth": [judge.truth[[row]].indices.tolist() for row in range(judge.truth.shape[0])],
    }
    pl.DataFrame(users, schema_overrides=dict.fromkeys(("taken", "truth"), pl.List(pl.Int32))).write_parquet(
        out / "users.parquet"
    )
    return len(events)


def shortened(texts: Sequence[str], base: Path, *, tokens: int) -> tuple[list[str], np.ndarray]:
    """The texts cut to `tokens` tokens, the two at the ends counted, and how many of their own each has."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(tokens)
    found = tokenizer.encode_batch(list(texts))
    cut = [text[: max((end for _, end in e.offsets), default=0)] for text, e in zip(texts, found, strict=True)]
    return cut, np.array([len(e.ids) - 2 for e in found])


def examples(corpus: Corpus):
    """Every first time a user takes a text after the user's first instant: (event indices, event → past texts)."""
    seen: dict[int, set[int]] = {}
    first_at: dict[int, int] = {}
    events = []
    for n, (user, text, at) in enumerate(
        zip(corpus.user.tolist(), corpus.text.tolist(), corpus.at.tolist(), strict=True)
    ):
        if text not in seen.setdefault(user, set()) and at > first_at.setdefault(user, at):
            events.append(n)
        seen[user].add(text)
    starts = np.searchsorted(corpus.user, corpus.user)

    def past(event: int) -> np.ndarray:
        own = slice(starts[event], event)
        return corpus.text[own][corpus.at[own] < corpus.at[event]]

    return np.array(events), past


def rows_of(histories: Histories):
    return [histories.item_idx[a:b] for a, b in zip(histories.indptr[:-1], histories.indptr[1:], strict=True)]


def history_text(past: np.ndarray, texts: Sequence[str], lengths: np.ndarray) -> str:
    """The distinct texts, the latest first, as many as fit."""
    latest = list(dict.fromkeys(past[::-1].tolist()))
    spent = 2 + np.cumsum(lengths[latest] + 1) - 1  # a separator between two
    return _JOIN.join(texts[i] for i in latest[: max(1, int((spent <= HISTORY_TOKENS).sum()))])
