"""Parts of a student that matter least are taken away before it learns; learning makes up for them.

Structured pruning takes out whole attention heads and feed-forward units (Michel et al. 2019, arXiv 1905.10650), so
that the layers' matrices get smaller and every runtime faster. Magnitude pruning sets the smallest weights to zero (Han
et al. 2015, arXiv 1506.02626); the matrices keep their size, and a runtime for dense matrices its speed.

A part counts by what its mask does to the distillation loss (Molchanov et al. 2019, arXiv 1906.10771). The first-order
term of |v − teacher's v|² / 2 vanishes wherever a student still gives the teacher's vectors; its Gauss-Newton term does
not: the mean over texts of |∂v / ∂mask|² / 2, estimated with one random direction r a text as (∂(r · v) / ∂mask)² / 2.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from recsys.text.bases.block import Block
from recsys.text.encoder import TextTower
from recsys.text.tokens import Tokens

_TEXTS, _TOKENS = 1024, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What leaving out each part of a layer would cost.

    Attributes:
        heads: float32 (heads,), the loss of vectors without the head, half a squared distance.
        units: float32 (units,).
    """

    heads: Tensor
    units: Tensor


def importance(tower: TextTower, tokens: Tokens, *, seed: int) -> list[Importance]:
    """One for each layer, from at most 1,024 of the texts.

    Args:
        tower: of the BERT family.
        tokens: of the texts.
        seed: of the directions.

    Raises:
        TrainingError: a tower of another family.
    """
    blocks = [Block.of(layer) for layer in tower.layers]
    rows = np.unique(np.linspace(0, len(tokens) - 1, min(_TEXTS, len(tokens))).astype(np.int64))
    noise = torch.Generator().manual_seed(seed)
    sums = [torch.zeros(count) for block in blocks for count in (block.heads, block.units)]
    tower.eval().requires_grad_(False)
    for group in tokens.groups(rows, tokens=_TOKENS):
        with _masked(blocks, len(group)) as masks:
            vectors_ND = tower(*tokens.padded(group))
            directions_ND = torch.randn(vectors_ND.shape, generator=noise)
            gradients = torch.autograd.grad((directions_ND * vectors_ND).sum(), masks)
        for total, gradient in zip(sums, gradients, strict=True):
            total += gradient.square().sum(dim=0) / (2 * len(rows))
    return [Importance(heads=heads, units=units) for heads, units in zip(sums[::2], sums[1::2], strict=True)]


@contextlib.contextmanager
def _masked(blocks: list[Block], texts: int) -> Iterator[list[Tensor]]:
    """Masks of ones, (texts, heads) and (texts, units) layer by layer, on what enters `out` and `down`."""
    masks: list[Tensor] = []
    with contextlib.ExitStack() as stack:
        for block in blocks:
            for linear, count, width in ((block.out, block.heads, block.head_width), (block.down, block.units, 1)):
                mask_NP = torch.ones(texts, count, requires_grad=True)
                masks.append(mask_NP)
                handle = linear.register_forward_pre_hook(_times(mask_NP, width))
                stack.callback(handle.remove)
        yield masks


def _times(mask_NP: Tensor, width: int) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor]]:
    """Multiplies what enters a linear map, (N, T, P · width), by each text's mask of its P parts."""
    return lambda _, given: (given[0] * mask_NP.repeat_interleave(width, dim=1)[:, None],)


def prune(
    tower: TextTower, tokens: Tokens, *, amount: float, kind: Literal["structured", "magnitude"], seed: int
) -> None:
    """Take a share of the layers' numbers away, in place; call `settle` when the tower has learned.

    Args:
        tower: of the BERT family.
        tokens: of the texts by which parts are judged.
        amount: the share, in [0, 1).
        kind: structured, heads and units; magnitude, the smallest weights.
        seed: of the judgement.

    Raises:
        TrainingError: a tower of another family.
    """
    if kind == "structured":
        prune_structured(tower, tokens, amount=amount, seed=seed)
    else:
        prune_magnitude(tower, amount=amount)


def prune_structured(tower: TextTower, tokens: Tokens, *, amount: float, seed: int) -> float:
    """Take heads and units out, in place, those first that cost least for the numbers they free.

    Every layer keeps its best head and its best unit.

    Args:
        tower: of the BERT family.
        tokens: of the texts by which parts are judged.
        amount: share of the numbers in the layers' matrices, in [0, 1).
        seed: of the judgement.

    Returns:
        The share that went: at most `amount`, and short of it by less than a part unless nothing more may go.

    Raises:
        TrainingError: a tower of another family.
    """
    blocks = [Block.of(layer) for layer in tower.layers]
    before = sum(block.size for block in blocks)
    judged = importance(tower, tokens, seed=seed)
    densities, sizes = [], []
    for block, found in zip(blocks, judged, strict=True):
        for parts, size in ((found.heads, block.head_size), (found.units, block.unit_size)):
            density = parts / size
            density[density.argmax()] = torch.inf
            densities.append(density)
            sizes.append(torch.full_like(density, size))
    order = torch.argsort(torch.cat(densities), stable=True)
    freed = torch.cat(sizes).double()[order].cumsum(0)
    gone = order[: int(torch.searchsorted(freed, amount * before, right=True))]
    kept = torch.ones(len(order), dtype=torch.bool)
    kept[gone] = False
    kept |= torch.cat(densities).isinf()
    parts_kept = torch.split(kept, [len(density) for density in densities])
    for block, heads, units in zip(blocks, parts_kept[::2], parts_kept[1::2], strict=True):
        block.keep(heads=heads, units=units)
    return 1 - sum(block.size for block in blocks) / before


class _Zeros(nn.Module):
    """Keeps the weights of a mask at zero while the others learn."""

    kept: Tensor

    def __init__(self, kept: Tensor) -> None:
        super().__init__()
        self.register_buffer("kept", kept)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.kept


def prune_magnitude(tower: TextTower, *, amount: float) -> None:
    """Hold the smallest `amount` of each of the layers' matrices at zero until `settle` is called.

    Args:
        tower: of the BERT family.
        amount: share of the weights, in [0, 1).

    Raises:
        TrainingError: a tower of another family.
    """
    for layer in tower.layers:
        for linear in Block.of(layer).linear:
            size = linear.weight.detach().abs()
            gone = size.flatten().argsort(stable=True)[: int(amount * size.numel())]
            kept = torch.ones(size.numel())
            kept[gone] = 0
            parametrize.register_parametrization(linear, "weight", _Zeros(kept.reshape(size.shape)))


def settle(tower: TextTower) -> None:
    """Make the zeros of `prune_magnitude` part of the weights, in place; a tower without them stays as it is."""
    for module in tower.layers.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
