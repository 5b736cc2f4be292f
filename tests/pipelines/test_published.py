"""What is published, read on another catalogue and log."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pipelines import published
from pipelines.parts import Parts
from pipelines.published import Published
from pipelines.river import force
from pipelines.run_directory import RunDirectory
from recsys.artifacts import read_manifest, write_manifest
from recsys.bundle import Bundle
from recsys.data.catalog import Catalog
from recsys.data.split import TimeSplit
from recsys.errors import ArtifactError
from recsys.evaluation.gate import Gate
from recsys.ranking.config import CapConfig, RulesConfig
from recsys.retrieval.traits import Trait
from tests.pipelines.small_run import opened, refused, stages


@pytest.fixture(scope="module")
def bundle(bundle_root):
    return Bundle.load(bundle_root / "current")


def changed(catalog, **more):
    """The catalogue without its first item, with one of another text and one that is new."""
    items = catalog.items.select(pl.exclude("item_idx", "text")).slice(1)
    renamed = items.with_columns(
        title=pl.when(pl.col("item_id") == items["item_id"][3]).then(pl.lit("Puppet kite")).otherwise("title")
    )
    fresh = items.head(1).with_columns(item_id=pl.lit("zz-new"), title=pl.lit("Whisk and ladle"))
    return Catalog.of(pl.concat([renamed, fresh]), text_chars=600)


def test_texts_it_knows_keep_their_vectors_and_others_are_encoded(bundle, monkeypatch):
    other = changed(bundle.catalog)
    encoded = []
    encode = type(bundle.encoder).encode
    monkeypatch.setattr(
        type(bundle.encoder), "encode", lambda self, texts: encoded.extend(texts) or encode(self, texts)
    )
    found = published._vectors(bundle, other)
    assert sorted(encoded) == sorted([other.texts[3], other.texts[-1]])
    found.check(other)
    assert found.encoder_digest == bundle.encoder.digest
    np.testing.assert_allclose(found.vectors, encode(bundle.encoder, list(other.texts)), atol=1e-6)


def test_its_own_catalogue_needs_no_encoding(bundle, monkeypatch):
    monkeypatch.setattr(type(bundle.encoder), "encode", lambda *_: pytest.fail("encoded"))
    found = published._vectors(bundle, bundle.catalog)
    np.testing.assert_array_equal(found.vectors, bundle.recommender.vectors.vectors)


def test_what_heads_read_moves_along_and_is_nothing_for_new_texts():
    classes = Trait.of(
        "topic", pl.DataFrame({"a": [0.25, 0.5], "b": [0.75, 0.5]}, schema={"a": pl.Float32, "b": pl.Float32})
    )
    moved = published._moved(classes, [1, None, 0])
    np.testing.assert_array_equal(moved.levels, [[0.5, 0.5], [np.nan, np.nan], [0.25, 0.75]])
    things = Trait.of("brand", pl.DataFrame({"x": [["acme"], []]}, schema={"x": pl.List(pl.String)}))
    assert published._moved(things, [None, 0]).table["x"].to_list() == [None, ["acme"]]


def test_nothing_published_and_something_that_is_no_bundle(tmp_path):
    assert Published.of(tmp_path) is None
    (tmp_path / "current").symlink_to("gone")
    with pytest.raises(ArtifactError, match="Expected a bundle at"):
        Published.of(tmp_path)


def test_it_has_its_own_settings_but_the_runs_task_and_state_as_of_ranker_end(bundle, released):
    parts = Parts.load(RunDirectory.open(released))
    parts = replace(parts, config=parts.config.model_copy(update={"target": "new", "seed": 9}))
    found = published._assembled(bundle, parts)
    assert found.as_of == parts.split.ranker_end < bundle.end
    assert found.ranker is bundle.recommender.ranker
    config = found.snapshot.config
    assert (config.target, config.seed) == ("new", bundle.recommender.snapshot.config.seed)


def test_the_same_models_with_other_rules_are_another(released):
    found = Published.of(released / "bundles")
    same = {name: found.manifest.parents[name] for name in ("student", "ranker")}
    capped = RulesConfig(caps=(CapConfig(by="brand", most=3),))
    assert found.is_of(same, RulesConfig())
    assert not found.is_of(same, capped)
    assert not found.is_of(same | {"ranker": "another"}, RulesConfig())
    older = replace(found, manifest=replace(found.manifest, config={}))
    assert older.is_of(same, RulesConfig())


def resign(path, **verdict):
    """Give the published bundle another verdict, and a true manifest."""
    directory = (path / "bundles" / "current").resolve()
    manifest = read_manifest(directory, kind="bundle")
    config = dict(manifest.config) | ({"verdict": manifest.config["verdict"] | verdict} if verdict else {})
    if not verdict:
        config.pop("verdict")
    write_manifest(directory, kind="bundle", config=config, parents={**manifest.parents, "student": "another"})


def test_a_published_bundle_that_may_know_the_answers_is_no_measure(run):
    split = TimeSplit.load(run / "interactions")
    opened(run, slower=1e8)
    resign(run, window=[split.ranker_end + 1, split.end])
    assert refused(run, "it learned until .* it may know the answers") == [("quality", "published bundle")]
    resign(run)
    assert refused(run, "it does not say until when it learned") == [("quality", "published bundle")]


def test_a_published_bundle_that_learned_until_the_window_is_compared(run):
    opened(run, slower=1e8, published_share=0.95)
    resign(run, forced="")
    stages(run, "release")
    beside = [
        check for check in Gate.load(run / "gate").checks if check.against == "published bundle" and not check.unit
    ]
    assert len(beside) == 12
    assert {check.share.mean for check in beside if check.reference} == {1.0}  # the same models give the same lists


def test_a_published_bundle_that_is_not_whole_must_be_replaced_on_purpose(run):
    opened(run, slower=1e8)
    resign(run, forced="")
    users = (run / "bundles" / "current").resolve() / "users.json"
    users.write_text("[]")
    assert refused(run, r"cannot be compared: .*users\.json was altered") == [("quality", "published bundle")]
    force(run, reason="the old one lost a file")
