"""Where a training stands."""

from dataclasses import replace

import torch
from torch import nn

from recsys.text.checkpoint import Checkpoints, Look, Standing, restore, trained


def look(ndcg):
    return Look(phase="head", step=1, loss=None, ndcg=ndcg, recall=0.0)


def stepped(module, optimiser):
    optimiser.zero_grad()
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()


def test_standing_counts_looks_without_a_better_one():
    standing = Standing().judged(look(0.0)).after(1.0).after(0.5)
    assert (standing.step, standing.losses, standing.misses, standing.best) == (2, (1.0, 0.5), 0, 0.0)
    for ndcg, misses in ((0.2, 0), (0.2, 1), (0.1, 2), (0.3, 0)):
        standing = standing.judged(look(ndcg))
        assert standing.misses == misses
    assert standing.best == 0.3
    assert standing.losses == ()


def test_write_and_read(tmp_path):
    module = nn.Linear(3, 1)
    module.bias.requires_grad_(False)
    optimiser = torch.optim.AdamW([module.weight], lr=0.1)
    stepped(module, optimiser)
    saved, best = trained(module), {"weight": torch.zeros(1, 3)}
    assert set(saved) == {"weight"}
    checkpoints = Checkpoints(directory=tmp_path / "head", key="k")
    standing = Standing().after(0.5).judged(look(0.25)).after(0.125)
    checkpoints.write(standing, module, best, optimiser)
    stepped(module, optimiser)
    after_two = module.weight.detach().clone()

    fresh = torch.optim.AdamW([module.weight], lr=0.1)
    found = checkpoints.read(module, fresh)
    assert found is not None
    assert found[0] == standing
    assert torch.equal(found[1]["weight"], best["weight"])
    assert torch.equal(module.weight, saved["weight"])
    stepped(module, fresh)
    assert torch.equal(module.weight, after_two)


def test_another_key_or_a_damaged_file_is_no_checkpoint(tmp_path):
    module = nn.Linear(3, 1)
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.1)
    checkpoints = Checkpoints(directory=tmp_path / "head", key="k")
    assert checkpoints.read(module, optimiser) is None
    stepped(module, optimiser)
    checkpoints.write(Standing(), module, trained(module), optimiser)
    assert replace(checkpoints, key="other").read(module, optimiser) is None
    (tmp_path / "head" / "best.safetensors").write_bytes(b"x")
    before = module.weight.detach().clone()
    restore(module, {"weight": before + 1})
    assert checkpoints.read(module, optimiser) is None
    assert torch.equal(module.weight, before + 1)
