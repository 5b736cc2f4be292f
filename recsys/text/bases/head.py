"""From token states to a unit vector."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from recsys.text.bases.config import Pooling


class Head(nn.Module):
    """Token states to a unit vector: pooling, then projection and bias.

    Attention pooling is softmax_t(query · h_t); it starts as the mean of the tokens, and mean pooling is a query that
    stays zero. The others take the state of the first or of the last token. W is the width of states, D of vectors.
    """

    def __init__(self, width: int, dim: int, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.pooling = pooling
        self.query = nn.Parameter(torch.zeros(width))
        self.projection = nn.Parameter(torch.eye(dim, width))
        self.bias = nn.Parameter(torch.zeros(dim))

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], pooling: Pooling) -> "Head":
        """From query (W,), projection (D, W) and bias (D,).

        Raises:
            KeyError: one is missing.
            ValueError: the shapes do not fit each other.
        """
        dim, width = weights["projection"].shape
        if (weights["query"].shape, weights["bias"].shape) != ((width,), (dim,)):
            raise ValueError(f"a projection ({dim}, {width}) beside a query or a bias of another width")
        head = cls(width, dim, pooling)
        head.load_state_dict(dict(weights))
        return head

    @property
    def width(self) -> int:
        """Width of the states."""
        return len(self.query)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return len(self.bias)

    def pool(self, hidden_NTW: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, W): one state a text, padding left out."""
        if self.pooling == "cls":
            return hidden_NTW[:, 0]
        if self.pooling == "last":
            last_N = mask_NT.sum(dim=1).clamp(min=1) - 1
            return hidden_NTW[torch.arange(hidden_NTW.shape[0], device=last_N.device), last_N]
        logits_NT = hidden_NTW @ self.query
        logits_NT = logits_NT.masked_fill(~mask_NT, torch.finfo(logits_NT.dtype).min)
        return (torch.softmax(logits_NT, dim=1)[:, :, None] * hidden_NTW).sum(dim=1)

    def project(self, pooled_NW: Tensor) -> Tensor:
        """(N, D) of length 1."""
        return nn.functional.normalize(pooled_NW @ self.projection.T + self.bias, dim=1)

    def turned(self, turn_DD: Tensor) -> "Head":
        """A copy that gives `turn_DD` @ vector, where `turn_DD` is orthogonal."""
        wide_DD = turn_DD.double()
        projection, bias = ((wide_DD @ own.detach().double()).float() for own in (self.projection, self.bias))
        return Head.of({"query": self.query, "projection": projection, "bias": bias}, self.pooling)

    def cut(self, dim: int) -> "Head":
        """A copy that gives the first `dim` numbers of the vectors, at length 1."""
        weights = {"query": self.query, "projection": self.projection[:dim], "bias": self.bias[:dim]}
        return Head.of(weights, self.pooling)
