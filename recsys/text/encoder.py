"""Text to vector with torch: a transformer, pooling, a linear head and unit length."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor, nn

from recsys.artifacts import sha256
from recsys.errors import ArtifactError, ConfigError
from recsys.schema import FloatArray
from recsys.text.bases import card as model_card
from recsys.text.bases import layout
from recsys.text.bases.backbone import Backbone, backbone_of
from recsys.text.bases.card import Card
from recsys.text.bases.config import Pooling
from recsys.text.bases.layout import TRANSFORMER
from recsys.text.bases.pretrained import digest, read_tokenizer, read_transformer
from recsys.text.tokens import Tokens

SETTINGS = "encoder.json"

_TOKENS = 8192


class Head(nn.Module):
    """Token states to a unit vector: pooling, then projection and bias.

    Attention pooling is softmax_t(query · h_t); it starts as the mean of the tokens, and mean pooling is a query that
    stays zero. The others take the state of the first or of the last token.
    """

    def __init__(self, dim: int, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.pooling = pooling
        self.query = nn.Parameter(torch.zeros(dim))
        self.projection = nn.Parameter(torch.eye(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def pool(self, hidden_NTD: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, D): one state a text, padding left out."""
        if self.pooling == "cls":
            return hidden_NTD[:, 0]
        if self.pooling == "last":
            last_N = mask_NT.sum(dim=1).clamp(min=1) - 1
            return hidden_NTD[torch.arange(hidden_NTD.shape[0], device=last_N.device), last_N]
        logits_NT = hidden_NTD @ self.query
        logits_NT = logits_NT.masked_fill(~mask_NT, torch.finfo(logits_NT.dtype).min)
        return (torch.softmax(logits_NT, dim=1)[:, :, None] * hidden_NTD).sum(dim=1)

    def project(self, pooled_ND: Tensor) -> Tensor:
        """(N, D) of length 1."""
        return nn.functional.normalize(pooled_ND @ self.projection.T + self.bias, dim=1)


class TextTower(nn.Module):
    """The whole way from token ids to unit vectors, cut in two so that frozen lower layers can be cached.

    Attributes:
        transformer: transformers' model, without pooler or heads.
        head: pooling, projection, length 1.
    """

    def __init__(self, transformer: nn.Module, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.transformer = transformer
        self.head = Head(self.dim, pooling)

    @property
    def backbone(self) -> Backbone:
        """The transformer's parts."""
        return backbone_of(self.transformer)

    @property
    def dim(self) -> int:
        """Width of states and vectors."""
        return int(self.transformer.config.hidden_size)  # type: ignore[union-attr,arg-type]

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer's layers, lowest first."""
        return self.backbone.layers

    def frozen(self, tune: int | Literal["all", "lora"]) -> int:
        """How many of the lowest layers stay as they are, so that their states can be cached.

        Raises:
            ConfigError: more layers are to learn than there are.
        """
        depth = len(self.layers)
        if isinstance(tune, str):
            return 0
        if tune > depth:
            raise ConfigError(
                f'Expected tune of at most {depth}, the layers of the base, got {tune}; lower it or say "all".'
            )
        return depth - tune

    def lower(self, ids_NT: Tensor, mask_NT: Tensor, *, layers: int) -> Tensor:
        """(N, T, D): the states after the lowest `layers` layers."""
        backbone = self.backbone
        return backbone.through(backbone.embed(ids_NT), mask_NT, backbone.layers[:layers])

    def upper(self, hidden_NTD: Tensor, mask_NT: Tensor, *, layers: int) -> Tensor:
        """(N, D): the pooled states after the layers above the lowest `layers`."""
        backbone = self.backbone
        states_NTD = backbone.finish(backbone.through(hidden_NTD, mask_NT, backbone.layers[layers:]))
        return self.head.pool(states_NTD, mask_NT)

    def states(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, T, D): the transformer's last hidden states."""
        return self.backbone.finish(self.lower(ids_NT, mask_NT, layers=len(self.layers)))

    def forward(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, D): unit vectors; `mask_NT` is true where a token is."""
        return self.head.project(self.head.pool(self.states(ids_NT, mask_NT), mask_NT))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerEncoder:
    """A tower with its tokenizer: a `retrieval.embeddings.TextEncoder`.

    Attributes:
        tower: in evaluation mode.
        tokenizer: cuts to `max_tokens`, does not pad.
        max_tokens: length limit of a text.
        pooling: how token states become one vector; "attention" lets the head's query learn.
        digest: sha256 of weights, tokenizer and settings.
    """

    tower: TextTower
    tokenizer: Tokenizer
    max_tokens: int
    pooling: Pooling
    digest: str

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.tower.dim

    @classmethod
    def of_base(cls, folder: Path, *, max_tokens: int, pooling: Pooling) -> "TransformerEncoder":
        """A pretrained model as it comes, with a head that changes nothing.

        Args:
            folder: config.json, model.safetensors, tokenizer.json of a model of the BERT family or of a decoder.
            max_tokens: length limit of a text; never more than the model has positions.
            pooling: how token states become one vector.

        Raises:
            ArtifactError: a file is missing or of an unknown form.
        """
        tower = TextTower(read_transformer(folder), pooling).eval()
        limit = min(max_tokens, tower.backbone.positions)
        return cls(
            tower=tower,
            tokenizer=read_tokenizer(folder, tower.transformer, limit),
            max_tokens=limit,
            pooling=pooling,
            digest=digest(folder, limit, pooling),
        )

    @classmethod
    def load(cls, directory: Path) -> "TransformerEncoder":
        """Read what `save` wrote.

        Raises:
            ArtifactError: a file is missing or of an unknown form.
        """
        try:
            settings = json.loads((directory / SETTINGS).read_text())
            limit, pooling = int(settings["max_tokens"]), settings["pooling"]
            head = layout.read_head(directory, pooling)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ArtifactError(
                f"Expected an encoder in {directory}, could not read it ({error}); make it again."
            ) from error
        base = cls.of_base(directory / TRANSFORMER, max_tokens=limit, pooling=pooling)
        base.tower.head.load_state_dict(head)
        parts = (limit, pooling, sha256(layout.head_file(directory, pooling)))
        return cls(
            tower=base.tower,
            tokenizer=base.tokenizer,
            max_tokens=base.max_tokens,
            pooling=pooling,
            digest=digest(directory / TRANSFORMER, *parts),
        )

    def save(self, directory: Path, card: Card | None = None) -> None:
        """Write the SentenceTransformer layout, encoder.json and a model card into an existing directory.

        Args:
            directory: it also loads with sentence_transformers, unless the pooling is attention.
            card: what the README tells about where it comes from.
        """
        layout.write_transformer(directory, self.tower.transformer, self.tokenizer, self.max_tokens)
        layout.write_head(directory, self.tower.head.state_dict(), self.pooling)
        form = model_card.Form(
            dim=self.dim, layers=len(self.tower.layers), max_tokens=self.max_tokens, pooling=self.pooling
        )
        (directory / SETTINGS).write_text(json.dumps(asdict(form), indent=1))
        (directory / "README.md").write_text(model_card.render(card, form))

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The texts' token ids."""
        return Tokens.of([e.ids for e in self.tokenizer.encode_batch(list(texts))])

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        """float32 (n, dim), unit rows in the order of the texts."""
        tokens = self.tokens(texts)
        out = np.zeros((len(texts), self.dim), np.float32)
        with torch.inference_mode():
            for rows in tokens.groups(np.arange(len(texts)), tokens=_TOKENS, most=batch_size):
                out[rows] = self.tower(*tokens.padded(rows)).numpy()
        return out
