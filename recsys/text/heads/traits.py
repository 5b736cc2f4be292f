"""Task heads read the items' texts, each distinct text once."""

from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.retrieval.traits import Trait
from recsys.text.heads.classification import probabilities
from recsys.text.heads.head import Head
from recsys.text.heads.tagging import named


def trait_of(directory: Path, catalog: Catalog) -> Trait:
    """What the head in a directory, whose name it bears, reads in the items' texts.

    Raises:
        ArtifactError: no head there, or one that was altered.
    """
    head = Head.load(directory)
    texts, of_item = np.unique(np.array(catalog.texts, dtype=object), return_inverse=True)
    if head.task == "classify":
        values = probabilities(head, texts.tolist())
        empty = np.array([text == "" for text in texts], np.bool_)
        columns = {label: _column(values[:, i], empty) for i, label in enumerate(head.labels)}
        table = pl.DataFrame(columns)
    else:
        found = named(head, texts.tolist())
        types = {tag[2:]: pl.List(pl.String()) for tag in head.labels if tag.startswith("B-")}
        table = pl.DataFrame([{type_: list(row[type_]) for type_ in types} for row in found], schema=types)
    return Trait.of(directory.resolve().name, table[of_item.astype(np.int64)])


def _column(values: np.ndarray, empty: np.ndarray) -> pl.Series:
    """float32, null where a text is empty."""
    return pl.Series(values, dtype=pl.Float32).set(pl.Series(empty), None)
