"""Where a training stands."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from recsys.errors import ArtifactError
from recsys.text.checkpoint import Checkpoints, Standing, restore, trained
from recsys.text.config import OptimiserConfig
from recsys.text.optimiser import Group, Optimiser
from recsys.text.training import Look


def look(ndcg):
    return Look(phase="head", step=1, loss=None, ndcg=ndcg, recall=0.0)


def made(module, **settings):
    config = OptimiserConfig(warmup=0, **settings)
    return Optimiser.of([Group(parameters=[module.weight], rate=0.1, decay=0.1)], config, steps=4)


def stepped(module, optimiser, step):
    module(torch.ones(1, 3)).square().sum().backward()
    optimiser.step(step)


def test_standing_counts_looks_without_a_better_one():
    standing = Standing().judged(look(0.0)).after(1.0).after(0.5)
    assert (standing.step, standing.losses, standing.loss, standing.misses) == (2, (1.0, 0.5), 0.75, 0)
    for ndcg, misses in ((0.2, 0), (0.2, 1), (0.1, 2), (0.3, 0)):
        standing = standing.judged(look(ndcg))
        assert standing.misses == misses
    assert (standing.losses, standing.loss) == ((), None)


@pytest.mark.parametrize("settings", [{}, {"name": "sgd"}, {"name": "sgd", "momentum": 0.0}])
def test_write_and_read(tmp_path, settings):
    module = nn.Linear(3, 1)
    module.bias.requires_grad_(False)
    optimiser = made(module, **settings)
    stepped(module, optimiser, 0)
    saved, best = trained(module), {"weight": torch.zeros(1, 3)}
    assert set(saved) == {"weight"}
    checkpoints = Checkpoints(directory=tmp_path / "head", key="k", look=Look)
    standing = Standing().after(0.5).judged(look(0.25)).after(0.125)
    checkpoints.write(standing, module, best, optimiser)
    stepped(module, optimiser, 1)
    after_two = module.weight.detach().clone()
    assert not torch.equal(after_two, saved["weight"])

    fresh = made(module, **settings)
    found = checkpoints.read(module, fresh)
    assert found is not None
    assert found[0] == standing
    assert torch.equal(found[1]["weight"], best["weight"])
    assert torch.equal(module.weight, saved["weight"])
    stepped(module, fresh, 1)
    assert torch.equal(module.weight, after_two)


def test_another_key_or_a_damaged_file_is_no_checkpoint(tmp_path):
    module = nn.Linear(3, 1)
    optimiser = made(module)
    checkpoints = Checkpoints(directory=tmp_path / "head", key="k", look=Look)
    assert checkpoints.read(module, optimiser) is None
    stepped(module, optimiser, 0)
    checkpoints.write(Standing(), module, trained(module), optimiser)
    assert replace(checkpoints, key="other").read(module, optimiser) is None
    (tmp_path / "head" / "best.safetensors").write_bytes(b"x")
    before = module.weight.detach().clone()
    restore(module, {"weight": before + 1})
    assert checkpoints.read(module, optimiser) is None
    assert torch.equal(module.weight, before + 1)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (nn.Linear(4, 1), r"Expected weight of shape \(1, 4\) in the checkpoint .*head, got \(1, 3\): it belongs to"),
        (
            nn.Linear(3, 1, bias=False),
            r"Expected bias of shape none in the checkpoint .*, got \(1,\): .* delete the fold",
        ),
    ],
)
def test_a_checkpoint_of_another_model_is_told(tmp_path, other, told):
    module = nn.Linear(3, 1)
    checkpoints = Checkpoints(directory=tmp_path / "head", key="k", look=Look)
    checkpoints.write(Standing(), module, trained(module), made(module))
    before = other.weight.detach().clone()
    with pytest.raises(ArtifactError, match=told):
        checkpoints.read(other, made(other))
    assert torch.equal(other.weight, before)
