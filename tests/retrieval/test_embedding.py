"""What has been read once is not read again, and nobody can tell."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.retrieval.embedding import Embedding, read
from recsys.retrieval.onnx import OnnxEncoder
from tests.retrieval.embedding_world import catalog, counted, embed_alone
from tests.tiny import silent
from tests.workers import killed_at


@pytest.fixture(scope="module")
def encoder(toy_encoder):
    return OnnxEncoder.load(toy_encoder)


def embedded(encoder, work, numbers, *before, block=7):
    return Embedding(encoder=encoder, work=work, before=before, block=block).of(catalog(numbers), progress=silent)


def test_a_full_pass_reads_each_distinct_text_once_and_rows_follow_the_items(encoder, tmp_path):
    counting, session = counted(encoder)
    vectors, encoded = embedded(counting, tmp_path, [3, 1, 3, 3, 2, 1])
    assert encoded == 3
    assert session.rows <= 2 * 3  # one that is alone of its length stands twice
    texts = catalog([3, 1, 3, 3, 2, 1]).texts
    assert np.array_equal(vectors.vectors, encoder.steady(texts))
    assert vectors.vectors == pytest.approx(encoder.encode(texts), abs=1e-6)
    vectors.check(catalog([3, 1, 3, 3, 2, 1]))
    assert (vectors.encoder_digest, vectors.texts.reading) == (encoder.digest, encoder.reading)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(before=st.lists(st.integers(0, 40), max_size=30), now=st.lists(st.integers(0, 40), max_size=30), data=st.data())
def test_only_new_texts_are_encoded_and_the_bits_are_those_of_a_full_pass(encoder, tmp_path, before, now, data):
    shutil.rmtree(tmp_path, ignore_errors=True)
    known, _ = embedded(encoder, tmp_path / "a", before)
    again, encoded = embedded(encoder, tmp_path / "b", now, known, block=data.draw(st.integers(1, 9)))
    assert encoded == len(set(now) - set(before))
    full, _ = embedded(encoder, tmp_path / "c", now)
    assert np.array_equal(again.vectors, full.vectors)
    assert again.texts.digests.tobytes() == full.texts.digests.tobytes()


def test_vectors_of_another_reading_or_of_unknown_texts_are_passed_over(encoder, tmp_path):
    known, _ = embedded(encoder, tmp_path / "a", range(9))
    wrong = replace(known, vectors=np.zeros_like(known.vectors))
    others = (replace(wrong, texts=replace(wrong.texts, reading="another")), replace(wrong, texts=None))
    again, encoded = embedded(encoder, tmp_path / "b", range(9), *others)
    assert encoded == 9
    assert np.array_equal(again.vectors, known.vectors)


def test_killed_at_any_block_it_goes_on_from_there_bit_equal(toy_encoder, encoder, tmp_path):
    full, _ = embedded(encoder, tmp_path / "full", range(30))
    for block in (1, 3):
        work = tmp_path / str(block)
        killed_at(7 * block, embed_alone, toy_encoder, work, 30, 7)
        done = len(list(work.glob("[0-9a-f]*")))
        assert done >= block
        again, encoded = embedded(encoder, work, range(30))
        assert encoded == max(0, 30 - 7 * done)
        assert np.array_equal(again.vectors, full.vectors)


def test_blocks_that_were_altered_are_read_again(encoder, tmp_path):
    full, _ = embedded(encoder, tmp_path, range(30))
    one, other, *_ = (block for block in sorted(tmp_path.iterdir()) if len(np.load(block / "vectors.npy")) == 7)
    np.save(one / "vectors.npy", np.ones((7, 16), np.float32))
    (other / "manifest.json").unlink()
    again, encoded = embedded(encoder, tmp_path, range(30))
    assert encoded == 14
    assert np.array_equal(again.vectors, full.vectors)
    _, encoded = embedded(encoder, tmp_path, range(30))
    assert encoded == 0


def test_blocks_of_another_encoder_are_left_alone(encoder, tmp_path):
    embedded(replace(encoder, reading="another"), tmp_path, range(8))
    _, encoded = embedded(encoder, tmp_path, range(8))
    assert encoded == 8


def test_others_may_read_the_blocks_in_any_order_and_some_of_them_twice(encoder, tmp_path):
    full, _ = embedded(encoder, tmp_path / "full", [*range(30), 3])
    told = []

    def readers(blocks):
        for number in reversed(blocks):
            for _ in range(1 + number % 2):
                read(encoder, blocks[number], tmp_path / "work")
            yield number

    elsewhere = Embedding(encoder=encoder, work=tmp_path / "work", readers=readers, block=7)
    again, encoded = elsewhere.of(catalog([*range(30), 3]), progress=lambda done, *_: told.append(done))
    assert (encoded, told) == (30, [2, 9, 16, 23, 30])
    assert np.array_equal(again.vectors, full.vectors)
    assert {path.name for path in (tmp_path / "work").iterdir()} == {p.name for p in (tmp_path / "full").iterdir()}


def test_readers_are_given_only_what_is_new(encoder, tmp_path):
    known, _ = embedded(encoder, tmp_path / "a", range(9))
    asked = []

    def readers(blocks):
        asked.extend(text for block in blocks.values() for text in block)
        for number, block in blocks.items():
            read(encoder, block, tmp_path / "b")
            yield number

    now = catalog([4, 9, 10, 9])
    Embedding(encoder=encoder, work=tmp_path / "b", before=[known], readers=readers).of(now, progress=silent)
    assert sorted(asked) == sorted(set(now.texts[1:]))


def test_progress_counts_what_is_encoded(encoder, tmp_path):
    told = []
    Embedding(encoder=encoder, work=tmp_path, block=4).of(
        catalog(range(10)), progress=lambda done, total, _: told.append((done, total))
    )
    assert told == [(4, 10), (8, 10), (10, 10)]
