"""`recsys bench prompts` on a small shop."""

import json

import numpy as np
import pytest

from pipelines.prompts import SEEDS, measure
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
        "prompt.catalogue_pairs": 20,
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
        ("prompt, taught by the catalogue", 0),
        ("prompt, taught by the catalogue", 16),
    ]
    assert abs(rows[0]["auc"]["mean"] - 0.5) < 0.05
    assert all(row["auc"]["low"] < row["auc"]["mean"] < row["auc"]["high"] for row in rows[1:])
    assert [len(row["seeds"]) for row in rows] == [0, 0, 0, 0, len(SEEDS)]
    assert np.mean(rows[4]["seeds"]) == pytest.approx(rows[4]["auc"]["mean"])


def test_the_table_has_a_line_a_score(places, capsys):
    measure(
        str(places[0]),
        assignments=sets(places[1], **{"prompt.labelled.tune": 1, "prompt.catalogue_pairs": 0}),
        until=None,
        form="table",
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["score", "labelled", "users", "AUC", "by", "draw"]
    assert lines[2].startswith("popularity in the window  0")
    assert len(lines) == 2 + 4


def test_without_a_head_and_without_pretraining_the_remedy_is_told(places):
    with pytest.raises(ArtifactError, match=r"found none .* Train it by the stage pretrain"):
        measure(str(places[0]), assignments=sets(places[1], **{"pretrain.steps": 0}), until=None, form="json")
