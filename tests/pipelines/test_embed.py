"""Stage embed, with task heads and without."""

import json
import re
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from pipelines import embed
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import BUNDLE, named
from recsys import settings
from recsys.artifacts import publish, read_manifest
from recsys.data.catalog import Catalog
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval import embedding
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import OnnxEncoder
from recsys.retrieval.texts import Texts, digests
from recsys.schema import ITEM_COLUMNS
from recsys.text.heads.classification import train_classifier
from tests.text.shop_texts import QUICK, TASTES
from tests.tiny import silent, write_base


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Two heads of different seeds, in folders of the same name."""
    folder = tmp_path_factory.mktemp("heads")
    base = write_base(folder / "base")
    for seed in (0, 1):
        config = QUICK.model_copy(update={"seed": seed, "epochs": 1})
        head, _ = train_classifier(TASTES, start=base, config=config, progress=silent)
        head.save(folder / str(seed) / "topic", config=config)
    return folder


@pytest.fixture
def run(shop, toy_encoder, tmp_path):
    """Opens a run that has come as far as `embed`, with changed settings."""
    with publish(tmp_path / "catalog", kind="catalog") as work:
        shop.catalog.save(work)
    with publish(tmp_path / "interactions", kind="interactions") as work:
        shop.interactions.save(work)
        TimeSplit.of(shop.interactions, SplitConfig()).save(work)
    with publish(tmp_path / "student", kind="student") as work:
        shutil.copytree(toy_encoder, work, dirs_exist_ok=True)
        InterestModel.zero_shot(16, shop.interactions.day).save(work)

    def opened(*heads, storage="float32"):
        texts = [f"traits.heads={[str(head) for head in heads]}", f"retrieval.index.storage={storage}"]
        chosen = settings.load(None, texts)
        made = RunDirectory(path=tmp_path, source="shop", source_digest="0", until=None, settings=chosen)
        stage = named("embed", chosen)
        return made, stage

    return opened


def test_each_head_becomes_a_trait_and_another_head_makes_it_again(run, heads, shop):
    opened, stage = run()
    embed.run(opened, stage)
    plain = (opened / "vectors" / "vectors.npy").read_bytes()
    assert sorted(read_manifest(opened / "vectors", kind="vectors").files) == [
        "texts.json",
        "texts.npy",
        "vectors.json",
        "vectors.npy",
    ]
    assert opened.is_made(stage)
    opened, stage = run(heads / "0" / "topic")
    assert not opened.is_made(stage)
    embed.run(opened, stage)
    vectors = ItemVectors.load(opened.read("vectors"))
    assert vectors.traits[0].feature_names == ("topic_garden", "topic_kitchen", "topic_stationery", "topic_toys")
    assert len(vectors.traits[0]) == len(shop.catalog)
    assert (opened / "vectors" / "vectors.npy").read_bytes() == plain
    assert opened.is_made(stage)
    shutil.copytree(heads / "0" / "topic", heads / "moved")
    shutil.rmtree(heads / "0" / "topic")
    shutil.copytree(heads / "1" / "topic", heads / "0" / "topic")
    assert not opened.is_made(stage)  # the same folder, another head
    shutil.rmtree(heads / "0" / "topic")
    shutil.move(heads / "moved", heads / "0" / "topic")
    assert opened.is_made(stage)


def test_what_an_index_of_fewer_bits_finds_is_told(run, capsys):
    embed.run(*run())
    assert "recall" not in capsys.readouterr().err
    embed.run(*run(storage="int8"))
    assert re.search(r"  SQ8: recall@200 (0\.9|1\.)\d+\n", capsys.readouterr().err)


def test_the_penalties_of_ease_are_found_before_the_encoders_end_and_used_from_there_on(run, shop, capsys):
    opened, stage = run()
    embed.run(opened, stage)
    split = TimeSplit.of(shop.interactions, SplitConfig())
    config = opened.settings.retrieval.behaviour
    found = Penalties.of(shop.interactions, before=split.encoder_end, config=config)
    assert Penalties.load(opened.read("index")) == found
    assert f"  EASE: penalty {found.plain.l2:g}, fresh {found.fresh.l2:g}\n" in capsys.readouterr().err
    assert Parts.load(opened).config.retrieval.behaviour == found.within(config) != config


def put(opened, shop, titles):
    """Other titles, item_id → title, in the run's catalogue."""
    items = shop.catalog.items.select(*ITEM_COLUMNS)
    title = pl.col("item_id").replace_strict(titles, default=pl.col("title"))
    with publish(opened / "catalog", kind="catalog") as work:
        Catalog.of(items.with_columns(title=title), text_chars=600).save(work)


def told(capsys):
    return re.search(r"  (\d+) texts encoded for (\d+) items", capsys.readouterr().err).groups()


def test_texts_that_did_not_change_are_not_encoded_again(run, shop, capsys):
    opened, stage = run()
    embed.run(opened, stage)
    distinct = len(set(shop.catalog.texts))
    assert told(capsys) == (str(distinct), "48")
    put(opened, shop, {"i00003": "oven kite", "i00005": "drum"})
    assert not opened.is_made(stage)
    embed.run(opened, stage)
    assert told(capsys) == ("2", "48")
    again = read_manifest(opened / "vectors", kind="vectors").digest
    shutil.rmtree(opened / "vectors")
    embed.run(opened, stage)
    assert told(capsys)[0] != "2"
    assert read_manifest(opened / "vectors", kind="vectors").digest == again
    assert not opened.work(stage).exists()


def put_bundle(opened, vectors):
    """What the stage reads of a published bundle."""
    with publish(opened / BUNDLE, kind="bundle") as work:
        (work / "recommender" / "snapshot" / "vectors").mkdir(parents=True)
        vectors.save(work / "recommender" / "snapshot" / "vectors")


def put_student(opened, shop, toy_encoder, *, max_tokens):
    """The toy encoder, which cuts texts."""
    facts = json.loads((toy_encoder / "encoder.json").read_text())
    with publish(opened / "student", kind="student") as work:
        shutil.copytree(toy_encoder, work, dirs_exist_ok=True)
        (work / "encoder.json").write_text(json.dumps(facts | {"max_tokens": max_tokens}))
        InterestModel.zero_shot(16, shop.interactions.day).save(work)


def test_where_its_own_vectors_were_altered_a_run_takes_those_of_its_published_bundle(run, shop, capsys):
    opened, stage = run()
    embed.run(opened, stage)
    own = ItemVectors.load(opened.read("vectors"))
    own = replace(own, vectors=own.vectors.copy())
    told(capsys)
    put_bundle(opened, own)
    np.save(opened / "vectors" / "vectors.npy", np.zeros((48, 16), np.float32))
    embed.run(opened, stage)
    err = capsys.readouterr().err
    assert "vectors.npy was altered" in err
    assert "Its vectors are not taken." in err
    assert "  0 texts encoded for 48 items" in err
    assert np.array_equal(ItemVectors.load(opened.read("vectors")).vectors, own.vectors)


def test_another_student_reads_everything_and_the_published_one_nothing(run, toy_encoder, shop, capsys):
    opened, stage = run()
    embed.run(opened, stage)
    first = told(capsys)
    put_bundle(opened, ItemVectors.load(opened.read("vectors")))
    put_student(opened, shop, toy_encoder, max_tokens=2)
    embed.run(opened, stage)
    assert told(capsys) == first
    put_student(opened, shop, toy_encoder, max_tokens=32)
    embed.run(opened, stage)
    assert told(capsys) == ("0", "48")


def test_a_released_bundle_holds_the_texts_that_its_vectors_were_made_of(recommender, tmp_path):
    texts = Texts(digests=digests(recommender.catalog.texts), reading="r")
    snapshot = replace(recommender.snapshot, vectors=replace(recommender.vectors, texts=texts))
    replace(recommender, snapshot=snapshot).save(tmp_path)
    assert ItemVectors.load(tmp_path / "snapshot" / "vectors").texts.reading == "r"


def vectors_of(opened) -> bytes:
    return (opened / "vectors" / "vectors.npy").read_bytes()


def interrupted(opened, stage, monkeypatch, *, after):
    """Ctrl-C when so many blocks are read."""
    made, read = [], embedding.read

    def tired(*block):
        if len(made) == after:
            raise KeyboardInterrupt
        made.append(read(*block))

    with monkeypatch.context() as patch:
        patch.setattr(embedding, "read", tired)
        with pytest.raises(KeyboardInterrupt):
            embed.run(opened, stage)


@pytest.mark.ray
@pytest.mark.slow
def test_rays_actors_read_the_same_bits_go_on_where_this_process_stopped_and_read_only_what_is_new(
    run, shop, capsys, monkeypatch
):
    monkeypatch.setattr(embed, "Embedding", partial(embedding.Embedding, block=7))
    opened, stage = run()
    embed.run(opened, stage)
    alone, distinct = vectors_of(opened), len(set(shop.catalog.texts))
    told(capsys)
    shutil.rmtree(opened / "vectors")
    interrupted(opened, stage, monkeypatch, after=2)
    with monkeypatch.context() as patch:
        patch.setattr(OnnxEncoder, "steady", None)  # this process reads nothing
        embed.run(opened, stage, engine="ray", workers=1)
        assert told(capsys) == (str(distinct - 14), "48")
        assert vectors_of(opened) == alone
        put(opened, shop, {"i00003": "oven kite", "i00005": "drum"})
        embed.run(opened, stage, engine="ray", workers=1)
        assert told(capsys) == ("2", "48")
    assert not opened.work(stage).exists()
    here = vectors_of(opened)
    shutil.rmtree(opened / "vectors")
    embed.run(opened, stage)
    assert vectors_of(opened) == here


def test_an_actor_that_would_read_otherwise_says_so(run):
    opened, _ = run()
    with pytest.raises(ArtifactError, match=r"Expected Ray's actors to read as .* \(reading other…\), got .* on .*; "):
        embed._loaded(opened / "student", 1, "other", opened / "work")


def test_errors(run, heads):
    opened, stage = run(heads / "0" / "topic", heads / "1" / "topic")
    with pytest.raises(ShapeError, match="got two 'topic_garden'; rename the head's folder or label"):
        embed.run(opened, stage)
    opened, stage = run(heads / "base")
    with pytest.raises(ArtifactError, match=r"Expected a head at .*base, found no manifest\.json"):
        embed.run(opened, stage)
