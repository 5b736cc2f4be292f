"""The static tier: a vector a token, looked up and averaged, for rates that no transformer reaches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from recsys.artifacts import digest_of
from recsys.retrieval.interest import check_width
from recsys.schema import FloatArray
from recsys.text.encoder import encoded
from recsys.text.tokens import Tokens


class StaticTower(nn.Module):
    """Token ids to unit vectors without a layer: Σ_t softmax_t(logit of t) · row of t, at length 1.

    The weights are part of the table, as in smooth inverse frequency (Arora et al. 2017). A text without any token is
    the mean of what fills its row.

    Attributes:
        rows: float32 (V, D), one for each token of the vocabulary.
        logits: float32 (V,).
    """

    def __init__(self, rows_VD: Tensor, logits_V: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows_VD)
        self.logits = nn.Parameter(logits_V)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.rows.shape[1]

    @property
    def layers(self) -> nn.ModuleList:
        """None."""
        return nn.ModuleList()

    def forward(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, D): unit vectors; `mask_NT` is true where a token is."""
        logits_NT = self.logits.index_select(0, ids_NT.flatten()).reshape(ids_NT.shape)
        weights_NT = torch.softmax(logits_NT.masked_fill(~mask_NT, torch.finfo(torch.float32).min), dim=1)
        rows_NTD = nn.functional.embedding(ids_NT, self.rows)
        return nn.functional.normalize((weights_NT[:, None, :] @ rows_NTD)[:, 0], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticEncoder:
    """A static tower with its tokenizer: a `retrieval.embeddings.TextEncoder`.

    Attributes:
        tower: in evaluation mode.
        tokenizer: cuts to `max_tokens`, does not pad.
        max_tokens: length limit of a text.
        digest: of what it was made from.
    """

    tower: StaticTower
    tokenizer: Tokenizer
    max_tokens: int
    digest: str

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.tower.dim

    def cut(self, dim: int) -> "StaticEncoder":
        """The first `dim` numbers of the vectors, at length 1.

        Raises:
            ShapeError: wider than the vectors.
        """
        if dim == self.dim:
            return self
        check_width(dim, self.dim)
        tower = StaticTower(self.tower.rows.detach()[:, :dim].clone(), self.tower.logits.detach()).eval()
        return replace(self, tower=tower, digest=digest_of([self.digest, "cut", dim]))

    def turned(self, turn: FloatArray) -> "StaticEncoder":
        """Vectors become `turn` @ vector, where `turn` (D, D) is orthogonal."""
        tower = StaticTower(self.tower.rows.detach() @ torch.from_numpy(turn).T, self.tower.logits.detach()).eval()
        return replace(self, tower=tower, digest=digest_of([self.digest, "turned", turn.tolist()]))

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The texts' token ids."""
        return Tokens.of([e.ids for e in self.tokenizer.encode_batch(list(texts))])

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        """float32 (n, dim), unit rows in the order of the texts."""
        return encoded(self.tower, self.tokens(texts), self.dim, batch_size)
