"""The loss of a step, and of its parts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY
from recsys.text import objective
from recsys.text.config import FinetuneConfig, ObjectiveConfig
from recsys.text.pairs import Pairs
from recsys.text.user import UserTower

DIM = 8


@pytest.fixture(scope="module")
def batch(corpus):
    lengths = np.full(len(corpus.texts), 6, np.int64)
    return Pairs.of(corpus, lengths, FinetuneConfig(users_per_step=16)).draw(0)


def gradients(batch, size, config):
    """Loss and gradients, summed over `size` parts."""
    torch.manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(len(batch.texts), DIM, dtype=torch.float32), dim=1)
    texts.requires_grad_(True)
    user = UserTower(InterestModel.zero_shot(DIM, DAY), scale=10.0)
    correction = torch.linspace(-2, 0, len(batch.texts))
    parts = [objective.loss(user, texts, batch.part(i, size), batch, correction, config) for i in range(size)]
    sum(parts).backward()
    return [float(sum(parts).detach()), texts.grad, *(p.grad for p in user.parameters())]


@given(size=st.integers(1, 20), softmax=st.sampled_from([0.0, 1.0]), pointwise=st.sampled_from([0.1, 2.0]))
def test_the_losses_and_gradients_of_the_parts_add_up_to_those_of_the_whole(batch, size, softmax, pointwise):
    config = ObjectiveConfig(softmax=softmax, pointwise=pointwise)
    for part, whole in zip(gradients(batch, size, config), gradients(batch, 1, config), strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-4, atol=1e-6)
