"""What heads read in the items, as tables and as attributes."""

import numpy as np
import polars as pl
import pytest

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.traits import Trait, load_traits, save_traits

MOODS = pl.DataFrame(
    {"good": [0.9, 0.25, None], "not so": [0.1, 0.75, None]},
    schema_overrides={"good": pl.Float32, "not so": pl.Float32},
)
THINGS = pl.DataFrame(
    {"brand": [["birch"], [], ["birch", "alder"]], "colour": [["red", "birch"], [], ["red"]]},
    schema={"brand": pl.List(pl.String), "colour": pl.List(pl.String)},
)


def test_classes_are_attributes_as_far_as_they_are_likely():
    trait = Trait.of("my mood", MOODS)
    assert trait.feature_names == ("my_mood_good", "my_mood_not_so")
    assert np.allclose(trait.levels, [[0.9, 0.1], [0.25, 0.75], [np.nan, np.nan]], equal_nan=True)
    assert np.allclose(trait.presence.toarray(), [[0.9, 0.1], [0.25, 0.75], [0, 0]])


def test_things_are_attributes_of_their_type():
    trait = Trait.of("tags", THINGS)
    assert trait.levels.tolist() == [[1, 2], [0, 0], [2, 1]]
    shared = trait.presence @ trait.presence.T  # birch the brand is not birch the colour
    assert shared.toarray().tolist() == [[3, 0, 2], [0, 0, 0], [2, 0, 3]]
    assert trait.presence.shape == (3, 4)
    assert Trait.of("none", THINGS[1:2]).presence.shape == (1, 0)


def test_they_come_back_as_they_were_saved(tmp_path):
    traits = (Trait.of("tags", THINGS), Trait.of("mood", MOODS))
    save_traits(traits, tmp_path)
    again = load_traits(tmp_path)
    assert [trait.name for trait in again] == ["tags", "mood"]
    for one, other in zip(traits, again, strict=True):
        assert one.table.equals(other.table)
        assert (one.presence != other.presence).nnz == 0
    (tmp_path / "trait-mood.parquet").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"The traits in .* cannot be read .*; embed the items again"):
        load_traits(tmp_path)


def test_item_vectors_carry_them_and_without_them_nothing_is_written(tmp_path):
    vectors = ItemVectors(vectors=np.eye(3, dtype=np.float32), catalog_digest="c", encoder_digest="e")
    (tmp_path / "bare").mkdir()
    vectors.save(tmp_path / "bare")
    assert sorted(p.name for p in (tmp_path / "bare").iterdir()) == ["vectors.json", "vectors.npy"]
    assert ItemVectors.load(tmp_path / "bare").traits == ()
    full = ItemVectors(
        vectors=vectors.vectors, catalog_digest="c", encoder_digest="e", traits=(Trait.of("mood", MOODS),)
    )
    full.save(tmp_path)
    assert ItemVectors.load(tmp_path).traits[0].table.equals(MOODS)
    with pytest.raises(ShapeError, match="Expected one row of mood an item, got 2 for 3; embed again"):
        ItemVectors(
            vectors=vectors.vectors, catalog_digest="c", encoder_digest="e", traits=(Trait.of("mood", MOODS[:2]),)
        )


def test_other_tables_are_refused():
    for table in (
        pl.DataFrame({"a": [1]}),
        pl.DataFrame({"a": [1.0]}),
        pl.DataFrame(),
        pl.concat([MOODS, THINGS], how="horizontal"),
    ):
        with pytest.raises(ShapeError, match=r"Trait 'x': expected columns of Float32 or of List\(String\), got"):
            Trait.of("x", table)


def test_nothing_is_read_yet_in_an_item_that_is_put() -> None:
    likely = Trait.of("topic", pl.DataFrame({"tea": [0.2, 0.9]}, schema={"tea": pl.Float32}))
    found = likely.put(np.array([1, 2], np.int32), 3)
    assert found.levels[0, 0] == pytest.approx(0.2)
    assert np.isnan(found.levels[1:]).all()
    named = Trait.of("brand", pl.DataFrame({"MAKER": [["acme"], []]}))
    assert named.put(np.array([0, 2], np.int32), 3).presence.shape[0] == 3
    assert named.put(np.array([0, 2], np.int32), 3).presence.sum() == 0
