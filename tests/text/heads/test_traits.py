"""Heads read a catalogue."""

import numpy as np
import polars as pl
import pytest

from recsys.data.catalog import Catalog
from recsys.text.heads.classification import probabilities, train_classifier
from recsys.text.heads.tagging import named, train_tagger
from recsys.text.heads.traits import trait_of
from tests.text.shop_texts import PATIENT, QUICK, TASTES, THINGS
from tests.tiny import silent

ITEMS = pl.DataFrame(
    {"item_id": ["a", "b", "c", "d"], "title": ["red oven blue", None, "red trowel blue", "red oven blue"]}
)


@pytest.fixture(scope="module")
def catalog():
    return Catalog.of(ITEMS, text_chars=600)


def test_a_classifiers_probabilities_item_by_item(base, catalog, tmp_path, monkeypatch):
    head, _ = train_classifier(TASTES, start=base, config=QUICK, progress=silent)
    head.save(tmp_path / "topic", config=QUICK)
    read = []
    monkeypatch.setattr(
        "recsys.text.heads.traits.probabilities", lambda h, texts: read.append(texts) or probabilities(h, texts)
    )
    trait = trait_of(tmp_path / "topic", catalog)
    assert read == [["", "red oven blue", "red trowel blue"]]  # each distinct text once
    assert trait.name == "topic"
    assert trait.table.columns == ["garden", "kitchen", "stationery", "toys"]
    assert trait.table["garden"].is_null().to_list() == [False, True, False, False]
    expected = probabilities(head, ["red oven blue", "red trowel blue", "red oven blue"])
    assert trait.levels[[0, 2, 3]] == pytest.approx(expected.astype(np.float64), abs=1e-5)


def test_a_taggers_things_item_by_item(base, catalog, tmp_path):
    head, _ = train_tagger(THINGS, start=base, config=PATIENT, progress=silent)
    head.save(tmp_path / "things", config=PATIENT)
    trait = trait_of(tmp_path / "things", catalog)
    assert trait.feature_names == ("things_garden", "things_kitchen")
    expected = named(head, catalog.texts)
    assert trait.table.to_dicts() == [{type_: list(found) for type_, found in row.items()} for row in expected]
    assert expected[0]["kitchen"] == ("oven",)
    assert expected[1] == {"garden": (), "kitchen": ()}
