"""The head that training starts with: closed forms of the shop's texts and of who took what."""

import torch
from torch import Tensor

from recsys.text import whitening
from recsys.text.agreement import agreement_axes
from recsys.text.bases.head import Head
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus


def starting_dim(dim: int, config: FinetuneConfig) -> int:
    """Width of the vectors that training starts with, given that of the base's."""
    return max(1, round(config.agreement * dim)) if config.agreement else dim


def starting_head(head: Head, pooled_NW: Tensor, teaching: Corpus, config: FinetuneConfig) -> Head:
    """Whitened or centred, and without the axes in which the items of a user agree least.

    Args:
        head: the base's.
        pooled_NW: float32, pooled states of the corpus' texts, on the CPU.
        teaching: of the corpus, the events that teach.
        config: `whitening` and `agreement`.

    Returns:
        Of `starting_dim` numbers, the most telling first.
    """
    projection, bias = (torch.from_numpy(a) for a in whitening.start(pooled_NW.numpy(), whiten=config.whitening))
    start = Head.of({"query": head.query, "projection": projection, "bias": bias}, head.pooling)
    if config.agreement == 0:
        return start
    with torch.no_grad():
        axes = agreement_axes(start.project(pooled_NW).numpy(), teaching.user, teaching.text)
    return start.turned(torch.from_numpy(axes)).cut(starting_dim(head.dim, config))
