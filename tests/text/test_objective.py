"""The loss of a step, and of its parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recsys.errors import ConfigError
from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY
from recsys.text import objective
from recsys.text.config import FinetuneConfig, ObjectiveConfig
from recsys.text.finetune import finetune
from recsys.text.impressions import Impressions
from recsys.text.pairs import Pairs
from recsys.text.user import UserTower
from recsys.text.validation import Validation
from tests.tiny import SHORT, silent

DIM = 8


LOSSES = ("softmax", "pointwise", "pairwise", "impressions")
WEIGHTS = st.fixed_dictionaries({name: st.sampled_from([0.0, 0.5, 2.0]) for name in (*LOSSES, "logq")})


@pytest.fixture(scope="module")
def batch(corpus):
    lengths = np.full(len(corpus.texts), 6, np.int64)
    drawn = Pairs.of(corpus, lengths, FinetuneConfig(users_per_step=16)).draw(0)
    rng = np.random.default_rng(0)
    shown = rng.integers(0, len(drawn.texts), (len(drawn.own), 3))
    return replace(drawn, shown=shown, present=rng.random(shown.shape) < 0.5)


def gradients(batch, size, config):
    """Loss and gradients, summed over `size` parts."""
    torch.manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(len(batch.texts), DIM, dtype=torch.float32), dim=1)
    texts.requires_grad_(True)
    user = UserTower(InterestModel.zero_shot(DIM, DAY), scale=10.0)
    correction = torch.linspace(-2, 0, len(batch.texts))
    whole = sum(objective.loss(user, texts, batch.part(i, size), batch, correction, config) for i in range(size))
    whole.backward()
    return [whole.detach(), texts.grad, *(torch.zeros_like(p) if p.grad is None else p.grad for p in user.parameters())]


@settings(max_examples=30)
@given(size=st.integers(2, 20), weights=WEIGHTS, dims=st.sampled_from([(), (4,), (5, 2), "auto"]))
def test_the_losses_and_gradients_of_the_parts_add_up_to_those_of_the_whole(batch, size, weights, dims):
    weights |= {"logq": min(1.0, weights["logq"])}
    assume(sum(weights.values()) > weights["logq"])
    config = ObjectiveConfig(**weights, dims=dims)
    for part, whole in zip(gradients(batch, size, config), gradients(batch, 1, config), strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_several_losses_are_summed_by_weight(batch, name):
    off = dict.fromkeys(LOSSES, 0.0)
    one, two = (gradients(batch, 1, ObjectiveConfig(**off | {name: weight})) for weight in (1.0, 2.0))
    both = gradients(batch, 1, ObjectiveConfig(**off | {"softmax": 1.0} | {name: 3.0}))
    softmax = gradients(batch, 1, ObjectiveConfig(**off | {"softmax": 0.0 if name == "softmax" else 1.0, name: 1.0}))
    assert float(one[0]) > 0
    for a, b, c, d in zip(one, two, both, softmax, strict=True):
        np.testing.assert_allclose(2 * a, b, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(c - 2 * a, d, rtol=1e-4, atol=1e-5)


def test_with_dims_the_loss_is_the_mean_over_the_widths_of_vectors_cut_to_them(batch):
    torch.manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(len(batch.texts), DIM), dim=1)
    rng = np.random.default_rng(0)
    query, linear = rng.normal(size=DIM).astype(np.float32), rng.normal(size=(DIM, DIM)).astype(np.float32)
    interest = replace(InterestModel.zero_shot(DIM, DAY), query=query, map=linear)
    correction = torch.linspace(-2, 0, len(batch.texts))

    def loss(model, vectors, *dims):
        return objective.loss(
            UserTower(model, scale=10.0), vectors, batch, batch, correction, ObjectiveConfig(dims=dims)
        ).item()

    cut = {dim: loss(interest.cut(dim), torch.nn.functional.normalize(texts[:, :dim], dim=1)) for dim in (5, 2)}
    assert cut[5] != pytest.approx(cut[2], rel=1e-3)
    assert loss(interest, texts, 5, 2) == pytest.approx((loss(interest, texts) + cut[5] + cut[2]) / 3, rel=1e-5)


@pytest.mark.parametrize("dims", [(64, 128), (64, 64), (64, 0)])
def test_dims_that_do_not_fall(dims):
    with pytest.raises(ValueError, match=rf"expected falling widths such as \[256, 128, 64\], got \[64, {dims[1]}\]"):
        ObjectiveConfig(dims=dims)


def test_dims_that_are_not_below_the_width(corpus, base, quick, tmp_path):
    with pytest.raises(
        ConfigError, match=r"finetune\.objective\.dims below 32, the width of the vectors, got 32; leave"
    ):
        finetune(corpus, base=base, encoder=SHORT, config=quick(dims=(32, 8)), workdir=tmp_path, progress=silent)


def test_a_teacher_taught_at_several_widths_can_be_cut_and_its_card_says_so(corpus, base, quick, tmp_path):
    def narrow(**changes):
        config = quick(head_steps=120, max_steps=0, evaluate_every=120, **changes)
        work = tmp_path / str(len(changes))
        teacher = finetune(corpus, base=base, encoder=SHORT, config=config, workdir=work, progress=silent)
        vectors = teacher.encoder.cut(5).encode(corpus.texts)
        return teacher, Validation.of(corpus).judge(teacher.interest.cut(5), vectors).ndcg.mean()

    (teacher, taught), (plain, untaught) = narrow(dims=(21, 10, 5)), narrow()
    assert taught > untaught + 0.03
    assert (teacher.card.dims, plain.card.dims) == ((21, 10, 5), ())


def test_a_user_who_was_shown_nothing_adds_nothing(batch):
    config = ObjectiveConfig(softmax=0, pointwise=0, impressions=1)
    blank = replace(batch, present=np.zeros_like(batch.present))
    assert all(not bool(value.any()) for value in gradients(blank, 1, config))


def test_no_loss_at_all():
    with pytest.raises(ValueError, match="a weight above 0 for softmax, pointwise, pairwise or impressions, all are 0"):
        ObjectiveConfig(softmax=0, pointwise=0)


def test_all_losses_and_hard_negatives_at_once_learn_and_resume_bit_equal(corpus, base, quick, tmp_path):
    shown = np.random.default_rng(0).integers(0, len(corpus.texts), len(corpus.text)).astype(np.int32)
    told = replace(corpus, impressions=Impressions(user=corpus.user, text=shown, at=corpus.at))
    mined = {"hard_negatives": 2, "hard_pool": 8, "hard_skip": 2}
    config = quick(pairwise=0.5, impressions=0.5, head_steps=12, max_steps=6, **mined)

    def train(name, progress=silent):
        return finetune(told, base=base, encoder=SHORT, config=config, workdir=tmp_path / name, progress=progress)

    def interrupt(done, *_):
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("a", interrupt)
    again, whole = train("a"), train("b")
    assert again.looks == whole.looks
    assert np.array_equal(again.encoder.encode(corpus.texts), whole.encoder.encode(corpus.texts))
    assert max(look.ndcg for look in whole.looks) > whole.looks[0].ndcg + 0.05
