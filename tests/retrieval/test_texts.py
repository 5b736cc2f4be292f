"""Texts by digest."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.texts import Texts, digests


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=20))
def test_digests_are_equal_where_the_texts_are(texts):
    found = digests(texts)
    assert found.shape == (len(texts),)
    for row, text in enumerate(texts):
        assert (found == found[row]).tolist() == [other == text for other in texts]


def test_a_digest_is_128_bits_of_blake2b_also_where_they_end_in_zero():
    texts = [str(n) for n in range(1000)]
    expected = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    assert any(digest.endswith(b"\0") for digest in expected)
    assert digests(texts).tobytes() == b"".join(expected)


def test_saved_and_loaded(tmp_path):
    assert Texts.load(tmp_path) is None
    texts = Texts(digests=digests(["a", "", "a"]), reading="r")
    texts.save(tmp_path)
    loaded = Texts.load(tmp_path)
    assert loaded.reading == "r"
    assert np.array_equal(loaded.digests, texts.digests)
    assert np.array_equal(loaded.take(np.array([1])).digests, digests([""]))


@pytest.mark.parametrize("name", ["texts.npy", "texts.json"])
@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_damaged_files_are_one_sentence(tmp_path, name, damage):
    Texts(digests=digests(["a"]), reading="r").save(tmp_path)
    (tmp_path / name).unlink() if damage == "missing" else (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ArtifactError, match=rf"Expected .* in .*{name}"):
        Texts.load(tmp_path)


def test_digests_of_another_length_are_refused():
    with pytest.raises(ShapeError, match=r"Expected one digest S16 a text, got \|S8 \(2,\)"):
        Texts(digests=np.zeros(2, "S8"), reading="r")
