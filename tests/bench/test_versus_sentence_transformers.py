"""The duel is a fair one: the same events teach, the same users judge, by the same figures; no time is lost or won."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer

from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.retrieval.interest import InterestModel
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.pairs import Pairs
from recsys.text.validation import Validation
from tests.bench.versus_sentence_transformers import pairs
from tests.bench.versus_sentence_transformers.__main__ import row
from tests.bench.versus_sentence_transformers.ours import told
from tests.bench.versus_sentence_transformers.theirs import judge_of
from tests.tiny import write_base


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def corpus(shop) -> Corpus:
    end = TimeSplit.of(shop.interactions, SplitConfig()).encoder_end
    return Corpus.of(shop.catalog, shop.interactions, end, valid_fraction=0.2)


@pytest.fixture(scope="module")
def written(corpus, base, tmp_path_factory) -> tuple[Path, int]:
    out = tmp_path_factory.mktemp("pairs")
    return out, pairs.write(corpus, base, out)


def test_their_targets_are_ours(corpus):
    teaching = corpus.teaching()
    events, past = pairs.examples(teaching)
    ours = Pairs.of(teaching, np.ones(len(corpus.texts), np.int64), FinetuneConfig())
    assert np.array_equal(events, np.sort(ours.targets))
    user, at = teaching.user[events[-1]], teaching.at[events[-1]]
    assert past(events[-1]).tolist() == teaching.text[(teaching.user == user) & (teaching.at < at)].tolist()


def test_every_pair_is_written_once_with_texts_as_our_encoder_reads_them(corpus, written):
    table = pl.read_parquet(written[0] / "pairs.parquet")
    texts = pl.read_parquet(written[0] / "texts.parquet")["text"].to_list()
    assert len(table) == written[1] == len(pairs.examples(corpus.teaching())[0])
    assert set(table["positive"]) <= set(texts)
    assert all(whole.startswith(cut) for whole, cut in zip(corpus.texts, texts, strict=True))


def test_histories_are_the_latest_texts_that_fit(base, written):
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.add_special_tokens(["[SEP]"])
    anchors = pl.read_parquet(written[0] / "pairs.parquet")["anchor"].to_list()
    assert 200 < max(len(found.ids) for found in tokenizer.encode_batch(anchors)) <= 256
    texts, of_each = ["a", "b", "c"], np.array([100, 100, 100])
    assert pairs.history_text(np.array([2, 0, 1, 0]), texts, of_each) == "a [SEP] b"  # 100 + 1 + 100 + 2 ends = 203
    assert pairs.history_text(np.array([2]), texts, np.array([300, 300, 300])) == "c"


def test_the_same_figures_judge_both(corpus, written):
    """Vectors drawn at random for every text; a user's is that of the history by the zero-shot model."""
    judge, rng = Validation.of(corpus), np.random.default_rng(0)
    vectors = rng.normal(size=(len(corpus.texts), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    interest = InterestModel.zero_shot(8, corpus.day)
    users = interest.user_vectors(judge.histories, vectors, as_of=judge.as_of)

    class Model:
        def encode(self, texts, **_):
            return vectors if len(texts) == len(vectors) else users

    ours, theirs = judge.judge(interest, vectors), judge_of(written[0])(Model())
    assert len(users) != len(vectors)
    assert theirs["recall"] == pytest.approx(ours.recall.mean())
    assert theirs["ndcg"] == pytest.approx(ours.ndcg.mean())


def test_a_look_counts_from_the_first_report_after_it():
    reports = [(1, 1.0), (2, 2.0), (3, 5.0), (4, 6.0)]
    assert told(reports, 2, before_any=False) == 2.0
    assert told(reports, 2, before_any=True) == 5.0  # the look before the first step of the second phase


def test_a_round_compares_when_the_same_recall_is_reached():
    theirs = [{"seconds": s, "recall": r} for s, r in ((0.0, 0.1), (50.0, 0.3), (100.0, 0.3), (200.0, 0.2))]
    ours = [{"seconds": s, "recall": r} for s, r in ((2.0, 0.2), (5.0, 0.3), (9.0, 0.4))]
    assert row("0", theirs, ours).split() == ["0", "0.3000", "50", "0.4000", "5", "0.100", "0.025"]
    assert row("0", theirs, ours[:1]).split() == ["0", "0.3000", "50", "0.2000", "never"]
