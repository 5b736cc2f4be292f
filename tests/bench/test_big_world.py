"""The made-up shop is the same each time, skewed as shops are, and its bundle makes lists whose costs are told."""

import json
import sys

import numpy as np
import pytest

from recsys.bundle import Bundle
from recsys.ranking.config import RankingConfig, RecommenderConfig, TreesConfig
from recsys.retrieval.config import IndexConfig, RetrievalConfig
from tests.bench import big_batch, big_world
from tests.bench.big_world import Size, interactions, items, topics, vectors

SIZE = Size(users=400, items=600, events=3000, dim=8)
CONFIG = RecommenderConfig(
    ranking=RankingConfig(trees=TreesConfig(trees=5, leaves=5, min_rows=5)),
    retrieval=RetrievalConfig(index=IndexConfig(exact_up_to=100, hnsw_up_to=100)),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    root = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(big_world, "TAUGHT", 150)
        return big_world.write(root, SIZE, CONFIG)


def test_the_same_size_makes_the_same_shop():
    topic = topics(SIZE)
    assert items(SIZE, topic).equals(items(SIZE, topics(SIZE)))
    assert interactions(SIZE, topic).events.equals(interactions(SIZE, topic).events)
    other = Size(users=400, items=600, events=3000, dim=8, seed=1)
    assert not interactions(other, topics(other)).events.equals(interactions(SIZE, topic).events)


def test_vectors_lie_around_their_topics_whatever_the_chunk(monkeypatch):
    topic = topics(SIZE)
    rows = vectors(SIZE, topic)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(600), abs=1e-6)
    alike = rows @ rows.T
    same = topic[:, None] == topic
    assert alike[same].mean() > 0.4 > alike[~same].mean() + 0.2
    monkeypatch.setattr(big_world, "CHUNK", 7)
    assert vectors(SIZE, topic).tobytes() == rows.tobytes()


def test_everybody_has_an_event_and_few_items_have_most():
    log = interactions(SIZE, topics(SIZE))
    assert len(log) == 3000
    assert log.user_indices().tolist() == list(range(400))
    met = np.sort(np.bincount(log.events["item_idx"].to_numpy(), minlength=600))[::-1]
    assert met[:60].sum() > 3 * met[-300:].sum()


def test_its_bundle_knows_all_and_has_an_index_of_lists(bundle):
    loaded = Bundle.load(bundle)
    assert (len(loaded.users), len(loaded.catalog)) == (400, 600)
    assert loaded.recommender.retriever.index.plan.factory.startswith("IVF")
    assert loaded.recommender.ranker is not None


def test_lists_are_made_and_their_costs_told(bundle, monkeypatch, capsys, tmp_path):
    out = tmp_path / "lists"
    given = ["--bundle", str(bundle), "--users", "30", "--k", "5", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["big_batch", *given])
    big_batch.main()
    told = json.loads(capsys.readouterr().out)
    assert (told["users"], told["lists"], told["items listed"]) == (30, 30, 150)
    assert (told["known users"], told["items"]) == (400, 600)
    assert told["CPU s"] > 0
    assert 0.05 < told["peak GiB"] < 4
    assert 0.9 < told["recall@200"] <= 1
    assert told["bundle GB"] == pytest.approx(sum(p.stat().st_size for p in bundle.rglob("*.*")) / 1e9, abs=0.01)
    assert (out / "manifest.json").exists()
