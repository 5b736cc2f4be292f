"""A table of tokens in closed form."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsys.text.distill import table
from recsys.text.distill.table import alone, static_tower
from recsys.text.encoder import TransformerEncoder
from recsys.text.static import StaticEncoder
from tests.tiny import write_decoder


@pytest.fixture(scope="module")
def encoder(teacher):
    return TransformerEncoder.load(teacher)


@pytest.fixture(scope="module")
def made(encoder, corpus):
    tower = static_tower(encoder.tower, encoder.tokenizer, encoder.tokens(corpus.texts), encoder.encode(corpus.texts))
    return StaticEncoder(tower=tower, tokenizer=encoder.tokenizer, max_tokens=16, digest="made")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_token_alone_is_read_as_a_text_of_that_token(encoder):
    number = encoder.tokenizer.token_to_id("oven")
    found = alone(encoder.tower, np.array([[number], [number]]), [2], [3])
    assert unit(found) == pytest.approx(encoder.encode(["oven", "oven"]), abs=1e-5)
    nothing = alone(encoder.tower, np.zeros((1, 0), np.int64), [2], [3])
    assert unit(nothing) == pytest.approx(encoder.encode([""]), abs=1e-5)


def test_it_reads_the_corpus_as_the_teacher_does(encoder, corpus, made):
    taught = encoder.encode(corpus.texts)
    cosine = (made.encode(corpus.texts) * taught).sum(axis=1)
    rows = alone(encoder.tower, np.arange(len(made.tower.rows))[:, None], [2], [3])
    tokens = encoder.tokens(corpus.texts)
    means = np.stack([rows[ids].mean(axis=0) for ids in np.split(tokens.ids, tokens.indptr[1:-1])])
    before = (unit(means) * taught).sum(axis=1)
    assert 1 - cosine.mean() < (1 - before.mean()) / 10
    assert cosine.min() > 0.9


def test_tokens_that_the_corpus_lacks_move_with_the_map_alone(encoder, corpus, made, monkeypatch):
    texts = [text for text in corpus.texts if "oven" not in text.lower()]
    assert len(texts) < len(corpus.texts)
    lacking = encoder.tokenizer.token_to_id("oven")
    arguments = (encoder.tower, encoder.tokenizer, encoder.tokens(texts), encoder.encode(texts))
    whole = static_tower(*arguments).rows[lacking].detach().clone()
    monkeypatch.setattr(table, "_explained", lambda means, missing: np.zeros_like(missing))
    mapped = static_tower(*arguments).rows
    assert torch.equal(mapped[lacking], whole)
    assert not torch.allclose(mapped, made.tower.rows.detach(), atol=1e-3)


def test_rare_tokens_weigh_more_and_markers_next_to_nothing(encoder, corpus, made):
    tokens = encoder.tokens(corpus.texts)
    counts = np.bincount(tokens.ids, minlength=len(made.tower.rows))
    logits = made.tower.logits.detach().numpy()
    words = np.setdiff1d(np.arange(len(counts)), [2, 3])
    by_count = words[np.argsort(counts[words], kind="stable")]
    assert (np.diff(logits[by_count]) <= 0).all()
    total = counts[words].sum()
    assert logits[by_count[-1]] == pytest.approx(np.log(0.01 / (0.01 + counts[by_count[-1]] / total)), abs=1e-5)
    assert logits[[2, 3]] == pytest.approx(np.log([1e-6, 1e-6]), abs=1e-5)


def test_a_text_without_a_word_has_a_vector_of_its_own(made):
    vectors = made.encode(["", " "])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-5)


def test_conjugate_gradients_solve_the_ridge_regression():
    rng = np.random.default_rng(0)
    means = csr_array(rng.random((30, 12)) * (rng.random((30, 12)) < 0.3))
    missing = rng.normal(size=(30, 4))
    dense = means.toarray()
    ridge = 0.1 * (dense**2).sum() / 30
    expected = np.linalg.solve(dense @ dense.T + ridge * np.eye(30), missing)
    assert table._explained(means, missing) == pytest.approx(expected, abs=0.01 * np.abs(expected).max())


def test_a_decoders_tokens(tmp_path, corpus):
    decoder = TransformerEncoder.of_base(write_decoder(tmp_path), max_tokens=16, pooling="last")
    taught = decoder.encode(corpus.texts)
    tower = static_tower(decoder.tower, decoder.tokenizer, decoder.tokens(corpus.texts), taught)
    made = StaticEncoder(tower=tower, tokenizer=decoder.tokenizer, max_tokens=16, digest="made")
    assert (made.encode(corpus.texts) * taught).sum(axis=1).mean() > 0.9
