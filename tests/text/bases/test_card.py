"""What the README of a saved encoder tells."""

from dataclasses import replace
from datetime import UTC, datetime

from recsys.schema import SECOND
from recsys.text.bases.card import Card, Form, render

FORM = Form(dim=384, layers=6, max_tokens=32, pooling="mean")
START, END = (int(datetime(2024, month, 1, tzinfo=UTC).timestamp()) * SECOND for month in (1, 6))


def card(base="owner/name"):
    return Card(base=base, base_digest="ab" * 32, window=(START, END), texts=7, metrics={"nDCG@10": 0.0651})


def test_it_tells_where_the_encoder_comes_from():
    text = render(card(), FORM)
    assert text.startswith("---\nlicense: other\n")
    assert "base_model: owner/name" in text
    assert f"| sha256 of the base | `{'ab' * 32}` |" in text
    assert "| licence | see base |" in text
    assert "events in [2024-01-01T00:00:00+00:00, 2024-06-01T00:00:00+00:00), 7 item texts" in text
    assert "| nDCG@10 (validation window) | 0.0651 |" in text
    assert "a transformer of 6 layers over at most 32 tokens, mean pooling" in text
    assert 'SentenceTransformer("FOLDER")' in text


def test_it_tells_which_narrower_vectors_were_taught():
    assert "| learned at | the first 256, 128 numbers too, each at length 1 |" in render(
        replace(card(), dims=(256, 128)), FORM
    )
    assert "learned at" not in render(card(), FORM)


def test_only_a_name_on_the_hub_is_a_base_model():
    assert "base_model" not in render(card("/models/mine"), FORM)


def test_nothing_is_claimed_that_is_not_known():
    text = render(None, FORM)
    assert "Base: not told. Licence: that of the base." in text
    assert "learned from" not in text
    assert "learned from" not in render(Card(base="a/b", base_digest="c"), FORM)


def test_attention_pooling_says_why_others_cannot_load_it():
    text = render(card(), Form(dim=384, layers=6, max_tokens=32, pooling="attention"))
    assert "library_name" not in text
    assert "attention pooling is none of its modules, so modules.json is left out" in text
    assert "TransformerEncoder.load" in text
