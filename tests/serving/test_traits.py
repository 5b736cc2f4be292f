"""A bundle that holds what task heads read in the items: the endpoint answers as the batch does."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT, Bundle
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.ranking.ranker import Ranker
from recsys.recommender import Recommender, training_rows
from recsys.retrieval.traits import Trait
from serving.app import create_app

HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def root(shop, recommender, toy_encoder, tmp_path_factory):
    """A bundle whose ranker reads the tastes by a head that knows them."""
    taste = np.eye(4, dtype=np.float32)[shop.world.taste_of_item]
    topic = Trait.of("topic", pl.DataFrame({f"t{i}": taste[:, i] for i in range(4)}))
    words = Trait.of("words", shop.catalog.items.select(word=pl.col("title").str.split(" ").list.unique()))
    vectors = replace(recommender.vectors, traits=(topic, words))
    snapshot = replace(recommender.snapshot, vectors=vectors)
    rows = training_rows(
        catalog=shop.catalog,
        vectors=vectors,
        interest=recommender.retriever.interest,
        interactions=shop.interactions,
        split=TimeSplit.of(shop.interactions, SplitConfig()),
        config=snapshot.config,
    )
    folder = tmp_path_factory.mktemp("gifted")
    Bundle.write(
        folder,
        recommender=Recommender(snapshot=snapshot, ranker=Ranker.fit(rows, snapshot.config.ranking.trees)),
        interactions=shop.interactions,
        encoder=toy_encoder,
        config={"data": {"text_chars": 600}},
        parents={},
    )
    return folder


def test_batch_is_endpoint(root):
    bundle = Bundle.load(root / CURRENT)
    assert [trait.name for trait in bundle.recommender.vectors.traits] == ["topic", "words"]
    assert "topic_overlap" in bundle.recommender.ranker.features
    users = list(bundle.users.ids)[:30]
    as_of = bundle.end + HOUR
    batch = bundle.recommender.recommend(bundle.histories(users), k=10, as_of=as_of)
    with TestClient(create_app(root, clock=lambda end: end + HOUR)) as client:
        for row, user in enumerate(users):
            items = client.post("/v1/recommend", json={"user_id": user, "k": 10}).json()["items"]
            part = slice(batch.indptr[row], batch.indptr[row + 1])
            assert [item["item_id"] for item in items] == bundle.catalog.vocabulary.decode(batch.item_idx[part])
            assert [item["score"] for item in items] == pytest.approx(batch.score[part].tolist(), abs=1e-5)


@pytest.mark.slow
def test_serving_it_loads_no_torch(root):
    code = (
        "import sys\nfrom pathlib import Path\nfrom fastapi.testclient import TestClient\n"
        "from serving.app import create_app\n"
        f"client = TestClient(create_app(Path({str(root)!r}), clock=lambda end: end))\n"
        "with client:\n    assert client.post('/v1/recommend', json={'user_id': 'u00000', 'k': 5}).status_code == 200\n"
        "print([m for m in ('torch', 'transformers', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
