"""Catalogues whose texts change, an encoder that counts, and one that is killed."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.synthetic import WORDS
from recsys.retrieval.embedding import Embedding
from recsys.retrieval.onnx import OnnxEncoder

EACH = sorted({word for taste in WORDS.values() for word in taste})


class Counted:
    """A graph that notes how many texts it was given."""

    def __init__(self, session):
        self.session, self.rows = session, 0

    def run(self, names, inputs):
        self.rows += len(inputs["ids"])
        return self.session.run(names, inputs)


def catalog(numbers) -> Catalog:
    """The text of an item is one or two words, by its number; equal numbers have equal texts."""
    titles = [f"{EACH[n % len(EACH)]} {EACH[n // len(EACH)]}" if n >= len(EACH) else EACH[n] for n in numbers]
    schema = {"item_id": pl.String(), "title": pl.String()}
    items = pl.DataFrame({"item_id": [f"{i:04d}" for i in range(len(titles))], "title": titles}, schema=schema)
    return Catalog.of(items, text_chars=99)


def counted(encoder: OnnxEncoder) -> tuple[OnnxEncoder, Counted]:
    session = Counted(encoder.session)
    return replace(encoder, session=session), session


def embed_alone(encoder: Path, work: Path, n: int, block: int, done: object) -> None:
    """In a process of its own; tells `done`, a queue, of every block."""
    Embedding(encoder=OnnxEncoder.load(encoder), work=work, block=block).of(
        catalog(range(n)), progress=lambda texts, *_: done.put(texts)
    )
