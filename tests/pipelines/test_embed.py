"""Stage embed, with task heads and without."""

import re
import shutil

import pytest

from pipelines import embed
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import named
from recsys import settings
from recsys.artifacts import publish, read_manifest
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
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
    assert sorted(read_manifest(opened / "vectors", kind="vectors").files) == ["vectors.json", "vectors.npy"]
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


def test_errors(run, heads):
    opened, stage = run(heads / "0" / "topic", heads / "1" / "topic")
    with pytest.raises(ShapeError, match="got two 'topic_garden'; rename the head's folder or label"):
        embed.run(opened, stage)
    opened, stage = run(heads / "base")
    with pytest.raises(ArtifactError, match=r"Expected a head at .*base, found no manifest\.json"):
        embed.run(opened, stage)
