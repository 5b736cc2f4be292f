"""Vectors by text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.text_vectors import TextVectors
from recsys.retrieval.texts import Texts, digests

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


def of(texts, reading="r"):
    return Texts(digests=digests(texts), reading=reading)


def known(texts):
    """The vector of a text is its letter's number, twice."""
    rows = np.array([[ord(text)] * 2 for text in texts], np.float32).reshape(-1, 2)
    return TextVectors.of(of(texts), rows)


@given(WORDS, WORDS)
def test_a_known_text_has_its_vector_and_another_minus_one(before, asked):
    vectors = known(before)
    rows = vectors.find(of(asked))
    assert [row >= 0 for row in rows] == [text in before for text in asked]
    for text, row in zip(asked, rows, strict=True):
        assert row < 0 or vectors.vectors[row].tolist() == [ord(text)] * 2


def test_texts_for_another_encoder_are_refused():
    with pytest.raises(ShapeError, match=r"\(reading r…\), got texts for another \(other…\); encode them"):
        known("ab").find(of("a", reading="other"))


def test_one_vector_a_text():
    with pytest.raises(ShapeError, match=r"Expected float32 \(2, dim\), one vector a text, got float32 \(3, 2\)"):
        TextVectors.of(of("ab"), np.zeros((3, 2), np.float32))


def test_published_and_loaded(tmp_path):
    known("cab").publish(tmp_path / "block")
    loaded = TextVectors.load(tmp_path / "block")
    assert loaded.find(of("abcd")).tolist() == [1, 2, 0, -1]
    assert np.array_equal(loaded.vectors, known("cab").vectors)


def test_altered_files_are_refused_before_they_are_read(tmp_path):
    known("cab").publish(tmp_path / "block")
    np.save(tmp_path / "block" / "vectors.npy", np.ones((3, 2), np.float32))
    with pytest.raises(ArtifactError, match=r"vectors\.npy was altered"):
        TextVectors.load(tmp_path / "block")
    with pytest.raises(ArtifactError, match=r"Expected a text_vectors at .*none, found no manifest"):
        TextVectors.load(tmp_path / "none")
