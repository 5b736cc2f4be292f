"""`recsys bench prompts` on a small shop."""

import json

import numpy as np
import pytest

from pipelines.prompts import SEEDS, Shop, measure
from recsys import settings
from recsys.data.synthetic import make_world
from recsys.errors import ArtifactError
from tests.tiny import ASKING, write_base


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompts")
    make_world(n_users=100, n_items=60, seed=1).write(folder / "shop")
    (folder / "base").mkdir()
    return folder / "shop", write_base(folder / "base", more=ASKING)


def sets(base, **changes):
    quick = {
        "encoder.base": str(base),
        "pretrain.steps": 4,
        "pretrain.threads": 1,
        "prompt.threads": 1,
        "prompt.epochs": 1,
        "prompt.max_tokens": 32,
    }
    return [f"{name}={value}" for name, value in (quick | changes).items()]


def test_every_score_is_told_with_its_interval(places, capsys):
    measure(str(places[0]), assignments=sets(places[1]), until="0.9", form="json")
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["labelled"]) for row in rows] == [
        ("popularity in the window", 0),
        ("vectors, zero-shot", 0),
        ("prompt", 0),
        ("prompt", 16),
    ]
    assert abs(rows[0]["auc"]["mean"] - 0.5) < 0.05
    assert all(row["auc"]["low"] < row["auc"]["mean"] < row["auc"]["high"] for row in rows[1:])
    assert [len(row["seeds"]) for row in rows] == [0, 0, 0, len(SEEDS)]
    assert np.mean(rows[3]["seeds"]) == pytest.approx(rows[3]["auc"]["mean"])


def test_the_table_has_a_line_a_score(places, capsys):
    measure(str(places[0]), assignments=sets(places[1], **{"prompt.layers": 0}), until=None, form="table")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["score", "labelled", "users", "AUC", "by", "draw"]
    assert lines[2].startswith("popularity in the window  0")
    assert len(lines) == 2 + 4


def test_without_a_head_and_without_pretraining_the_remedy_is_told(places):
    with pytest.raises(ArtifactError, match=r"found none .* Train it by the stage pretrain"):
        measure(str(places[0]), assignments=sets(places[1], **{"pretrain.steps": 0}), until=None, form="json")


def test_who_is_labelled_does_not_judge_and_is_asked_about_an_earlier_time(places):
    shop = Shop.of(str(places[0]), settings.load(None, sets(places[1])), None)
    assert not set(shop.judged.user_idx) & set(shop.labelled.user_idx)
    log, end = shop.interactions, shop.split.encoder_end
    for pairs, start, stop in ((shop.judged, end, shop.split.end), (shop.labelled, shop.corpus.valid_start, end)):
        taken = log.between(start, stop).positives().events.select("user_idx", "item_idx").unique().rows()
        assert set(zip(pairs.user_idx.tolist(), pairs.positive.tolist(), strict=True)) <= set(taken)


def test_histories_end_where_the_pairs_begin_and_name_each_title_once(places):
    shop = Shop.of(str(places[0]), settings.load(None, sets(places[1], **{"prompt.history_items": 3})), None)
    histories, candidates = shop.asked(shop.judged, shop.split.encoder_end)
    n = len(shop.judged)
    assert len(histories) == len(candidates) == 2 * n
    assert histories[:n] == histories[n:]
    past = shop.interactions.before(shop.split.encoder_end).positives().events
    for row in range(0, n, 7):
        mine = past.filter(past["user_idx"] == shop.judged.user_idx[row]).sort("at", maintain_order=True)["item_idx"]
        titles = [shop.titles[i] for i in mine.to_list()]
        latest = list(dict.fromkeys(reversed(titles)))[:3]
        assert list(histories[row]) == latest[::-1]
        assert candidates[row] == shop.titles[shop.judged.positive[row]]
        assert candidates[n + row] == shop.titles[shop.judged.negative[row]]
