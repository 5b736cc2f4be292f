"""Going on from the last teacher."""

import numpy as np
import pytest
import torch

from recsys.errors import ArtifactError
from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY
from recsys.text import continual
from recsys.text.config import ContinualConfig
from recsys.text.encoder import TransformerEncoder
from recsys.text.task import Towers
from recsys.text.user import UserTower
from tests.tiny import SHORT


@pytest.fixture
def towers(base):
    encoder = TransformerEncoder.of_base(base, max_tokens=SHORT.max_tokens, pooling="mean")
    return Towers(encoder.tower, UserTower(InterestModel.zero_shot(encoder.dim, DAY), scale=10.0))


def unit(*rows):
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


def wide(vectors, dim):
    return torch.nn.functional.pad(vectors, (0, dim - vectors.shape[1]))


def test_distillation_is_the_cosine_distance_to_the_last_teachers_vectors(towers):
    dim = len(towers.user.query)
    kept, now = wide(unit([1, 0], [0, 1], [3, 4]), dim), wide(unit([1, 0], [4, 3]), dim)
    penalty = continual.penalty(ContinualConfig(penalty="distill", weight=2.0), towers, kept)
    same = penalty(towers, np.array([0, 2]), kept[[0, 2]])
    moved = penalty(towers, np.array([0, 2]), now)
    assert float(same.detach()) == pytest.approx(0, abs=1e-6)
    # candidates and, through a map that has not moved, histories: each 1 - (1 + 24/25) / 2
    assert float(moved.detach()) == pytest.approx(2.0 * (1 - (1 + 24 / 25) / 2), rel=1e-5)


def test_distillation_sees_the_map_move(towers):
    dim = len(towers.user.query)
    kept = wide(unit([1, 0], [0, 1]), dim)
    penalty = continual.penalty(ContinualConfig(penalty="distill", weight=1.0), towers, kept)
    with torch.no_grad():
        towers.user.map.neg_()
    value = penalty(towers, np.array([0, 1]), kept)
    assert float(value.detach()) == pytest.approx((0 + 2) / 2)
    value.backward()
    assert towers.user.map.grad is not None


def test_l2sp_is_half_the_squared_way_of_what_learns(towers):
    towers.requires_grad_(False)
    towers.user.query.requires_grad_(True)
    penalty = continual.penalty(ContinualConfig(penalty="l2sp", weight=3.0), towers, torch.zeros(0))
    with torch.no_grad():
        towers.user.query[:2] += torch.tensor([1.0, -2.0])
        towers.user.map += 1  # does not learn
    value = penalty(towers, np.zeros(0, np.int64), torch.zeros(0))
    assert float(value.detach()) == pytest.approx(3.0 / 2 * (1 + 4), rel=1e-6)


@pytest.mark.parametrize("change", [{"penalty": "none"}, {"weight": 0.0}])
def test_no_penalty(towers, change):
    assert continual.penalty(ContinualConfig(**change), towers, torch.zeros(0)) is None


def test_windows_are_read_as_written(corpus, tmp_path):
    first, own = (1, 5), (corpus.valid_start, corpus.end)
    continual.write_windows(corpus, tmp_path)
    assert continual.read_windows(tmp_path) == (own,)
    continual.write_windows(corpus.after((first,)), tmp_path)
    assert continual.read_windows(tmp_path) == (first, own)


@pytest.mark.parametrize("text", [None, "{", "[1]", "[]"])
def test_a_directory_that_is_no_teacher(tmp_path, text):
    if text is not None:
        (tmp_path / "windows.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"windows.json.*(continual.start to the teacher|train the teacher again)"):
        continual.read_windows(tmp_path)
