"""Parts that matter least go first."""

import copy

import pytest
import torch
from scipy.stats import spearmanr

from recsys.errors import ConfigError
from recsys.retrieval.interest import InterestModel
from recsys.settings import validate
from recsys.text.bases.block import Block
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.distillation import distill
from recsys.text.encoder import TransformerEncoder
from recsys.text.prune import importance, prune_magnitude, prune_structured, settle


@pytest.fixture
def encoder(base):
    return TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")


def sizes(tower):
    return sum(Block.of(layer).size for layer in tower.layers)


def moved(tower, before, tokens):
    """Half the mean squared distance of vectors from what they were."""
    return float((vectors(tower, tokens) - before).square().sum(dim=1).mean() / 2)


def vectors(tower, tokens):
    with torch.no_grad():
        return tower(*tokens.padded(torch.arange(len(tokens)).numpy()))


def test_importance_is_the_loss_of_leaving_a_part_out(encoder, corpus):
    tokens = encoder.tokens(corpus.texts)
    found = importance(encoder.tower, tokens, seed=0)
    before = vectors(encoder.tower, tokens)
    true, told = [], []
    for place, layer in enumerate(encoder.tower.layers):
        units = torch.arange(Block.of(layer).units)
        for unit in units[::8]:
            tower = copy.deepcopy(encoder.tower)
            Block.of(tower.layers[place]).keep(heads=torch.ones(2, dtype=torch.bool), units=units != unit)
            true.append(moved(tower, before, tokens))
            told.append(float(found[place].units[unit]))
    assert spearmanr(true, told).statistic > 0.9
    # second order and no more, at random weights: the size is right within a factor
    assert 0.3 < sum(told) / sum(true) < 3


def test_a_part_without_effect_goes_first(encoder, corpus):
    tokens = encoder.tokens(corpus.texts)
    block = Block.of(encoder.tower.layers[1])
    with torch.no_grad():
        block.out.weight[:, :16] = 0
        block.down.weight[:, 5] = 0
    before = vectors(encoder.tower, tokens)
    total = sizes(encoder.tower)
    amount = (block.head_size + block.unit_size) / total
    share = prune_structured(encoder.tower, tokens, amount=amount, seed=0)
    assert share == pytest.approx(amount)
    assert [Block.of(layer).heads for layer in encoder.tower.layers] == [2, 1, 2]
    assert [Block.of(layer).units for layer in encoder.tower.layers] == [64, 63, 64]
    assert (vectors(encoder.tower, tokens) - before).abs().max() < 1e-5


@pytest.mark.parametrize("amount", [0.0, 0.2, 0.6, 0.99])
def test_the_amount_is_a_share_of_the_layers_numbers(encoder, corpus, amount):
    tokens, before = encoder.tokens(corpus.texts), sizes(encoder.tower)
    share = prune_structured(encoder.tower, tokens, amount=amount, seed=0)
    assert share == pytest.approx(1 - sizes(encoder.tower) / before)
    part = Block.of(encoder.tower.layers[0]).head_size / before
    least = (part + 65 / before) * 3
    assert min(amount, 1 - least) - part - 0.01 < share <= amount
    assert min(Block.of(layer).heads for layer in encoder.tower.layers) >= 1
    assert vectors(encoder.tower, tokens).norm(dim=1) == pytest.approx(torch.ones(len(tokens)), abs=1e-5)


def test_the_judged_parts_are_better_kept_than_their_opposite(encoder, corpus):
    tokens = encoder.tokens(corpus.texts)
    before = vectors(encoder.tower, tokens)
    best, worst = copy.deepcopy(encoder.tower), copy.deepcopy(encoder.tower)
    prune_structured(best, tokens, amount=0.3, seed=0)
    for layer, found in zip(worst.layers, importance(encoder.tower, tokens, seed=0), strict=True):
        block = Block.of(layer)
        rank = found.units.argsort(descending=True).argsort()
        block.keep(heads=torch.ones(block.heads, dtype=torch.bool), units=rank >= int(0.6 * block.units))
    assert moved(best, before, tokens) < moved(worst, before, tokens) / 2


def test_zeros_stay_zero_while_the_rest_learns(encoder, corpus):
    tower, tokens = encoder.tower, encoder.tokens(corpus.texts)
    shapes = [linear.weight.shape for layer in tower.layers for linear in Block.of(layer).linear]
    smallest = Block.of(tower.layers[0]).up.weight.abs().flatten().argsort()[: int(0.4 * 64 * 32)]
    prune_magnitude(tower, amount=0.4)
    parameters = list(tower.layers.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        tower(*tokens.padded(torch.arange(8).numpy())).square()[:, :5].sum().backward()
        optimiser.step()
    learned = vectors(tower, tokens)
    settle(tower)
    assert torch.equal(vectors(tower, tokens), learned)
    linears = [linear for layer in tower.layers for linear in Block.of(layer).linear]
    assert [linear.weight.shape for linear in linears] == shapes
    assert [int((linear.weight == 0).sum()) for linear in linears] == [int(0.4 * s.numel()) for s in shapes]
    assert (Block.of(tower.layers[0]).up.weight.flatten()[smallest] == 0).all()


def test_settling_a_whole_tower_changes_nothing(encoder):
    before = encoder.tower.state_dict()
    settle(encoder.tower)
    assert encoder.tower.state_dict().keys() == before.keys()


@pytest.mark.parametrize("kind", ["structured", "magnitude"])
def test_a_pruned_student_learns_what_it_lost(encoder, corpus, kind, tmp_path):
    encoder.save(tmp_path)
    InterestModel.zero_shot(encoder.dim, corpus.day).save(tmp_path)
    settings = {"layers": 3, "prune": 0.3, "pruning": kind, "rate": 1e-3, "tokens_per_step": 200, "threads": 1}
    before = encoder.encode(corpus.texts)
    distances = []
    for steps in (0, 80):
        config = DistillConfig.model_validate(settings | {"max_steps": steps})
        student = distill(tmp_path, corpus, config=config, progress=lambda *_: None).encoder
        distances.append(1 - float((student.encode(corpus.texts) * before).sum(axis=1).mean()))
    assert distances[1] < 0.7 * distances[0]
    linears = [linear for layer in student.tower.layers for linear in Block.of(layer).linear]
    zeros = sum(int((linear.weight == 0).sum()) for linear in linears)
    if kind == "structured":
        assert sizes(student.tower) == pytest.approx(0.7 * sizes(encoder.tower), rel=0.05)
        assert zeros == 0
    else:
        assert sizes(student.tower) == sizes(encoder.tower)
        assert zeros == sum(int(0.3 * linear.weight.numel()) for linear in linears)


@pytest.mark.parametrize("amount", [-0.1, 1.0])
def test_an_amount_outside_of_zero_and_one(amount):
    with pytest.raises(ConfigError, match=r"distill\.prune"):
        validate({"distill": {"prune": amount}})
