"""A bundle that holds what task heads read in the items: the endpoint answers as the batch does."""

import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT, Bundle
from serving.app import create_app
from serving.sqlite import SqliteStore

HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def root(shop, gifted, toy_encoder, tmp_path_factory):
    """A bundle whose ranker reads the tastes by a head that knows them."""
    folder = tmp_path_factory.mktemp("gifted")
    Bundle.write(
        folder,
        recommender=gifted,
        interactions=shop.interactions,
        encoder=toy_encoder,
        config={"data": {"text_chars": 600}},
        parents={},
    )
    return folder


def test_batch_is_endpoint(root, tmp_path):
    bundle = Bundle.load(root / CURRENT)
    assert [trait.name for trait in bundle.recommender.vectors.traits] == ["topic", "words"]
    assert "topic_overlap" in bundle.recommender.ranker.features
    users = list(bundle.users.ids)[:30]
    as_of = bundle.end + HOUR
    batch = bundle.recommender.recommend(bundle.histories(users), k=10, as_of=as_of)
    with TestClient(create_app(root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end + HOUR)) as client:
        for row, user in enumerate(users):
            items = client.post("/v1/recommend", json={"user_id": user, "k": 10}).json()["items"]
            part = slice(batch.indptr[row], batch.indptr[row + 1])
            assert [item["item_id"] for item in items] == bundle.catalog.vocabulary.decode(batch.item_idx[part])
            assert [item["score"] for item in items] == pytest.approx(batch.score[part].tolist(), abs=1e-5)


@pytest.mark.slow
def test_serving_it_loads_no_torch(root, tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom fastapi.testclient import TestClient\n"
        "from serving.app import create_app\nfrom serving.sqlite import SqliteStore\n"
        f"store = SqliteStore(Path({str(tmp_path / 'state')!r}))\n"
        f"client = TestClient(create_app(Path({str(root)!r}), store=store, clock=lambda end: end))\n"
        "with client:\n    assert client.post('/v1/recommend', json={'user_id': 'u00000', 'k': 5}).status_code == 200\n"
        "print([m for m in ('torch', 'transformers', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
