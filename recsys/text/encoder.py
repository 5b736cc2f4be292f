"""Text to vector with torch: a transformer, pooling, a linear head and unit length."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor, nn

from recsys.artifacts import digest_of, sha256
from recsys.errors import ArtifactError, ConfigError
from recsys.retrieval.interest import check_width
from recsys.schema import FloatArray
from recsys.text.bases import card as model_card
from recsys.text.bases import layout
from recsys.text.bases.backbone import Backbone, backbone_of
from recsys.text.bases.card import Card
from recsys.text.bases.config import Pooling
from recsys.text.bases.head import Head
from recsys.text.bases.layout import TRANSFORMER
from recsys.text.bases.pretrained import digest, read_tokenizer, read_transformer
from recsys.text.tokens import Tokens

SETTINGS = "encoder.json"

_TOKENS = 8192


class TextTower(nn.Module):
    """The whole way from token ids to unit vectors, cut in two so that frozen lower layers can be cached.

    Attributes:
        transformer: transformers' model, without pooler or heads.
        head: pooling, projection, length 1.
    """

    def __init__(self, transformer: nn.Module, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.transformer = transformer
        self.head = Head(self.width, self.width, pooling)

    def with_head(self, head: Head) -> "TextTower":
        """The same transformer under another head, in evaluation mode."""
        tower = TextTower(self.transformer, head.pooling)
        tower.head = head
        return tower.eval()

    @property
    def backbone(self) -> Backbone:
        """The transformer's parts."""
        return backbone_of(self.transformer)

    @property
    def width(self) -> int:
        """Width of the states."""
        return int(self.transformer.config.hidden_size)  # type: ignore[union-attr,arg-type]

    @property
    def dim(self) -> int:
        """Width of the vectors; a narrow tower may have wider ones, a cut one has narrower ones."""
        return self.head.dim

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
            head = Head.of(layout.read_head(directory, pooling), pooling)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ArtifactError(
                f"Expected an encoder in {directory}, could not read it ({error}); make it again."
            ) from error
        base = cls.of_base(directory / TRANSFORMER, max_tokens=limit, pooling=pooling)
        if head.width != base.tower.width:
            raise ArtifactError(
                f"Expected a head for states of width {base.tower.width} in {directory}, got one for {head.width}; it "
                "belongs to another transformer, make the encoder again."
            )
        base.tower.head = head
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

    def cut(self, dim: int) -> "TransformerEncoder":
        """The first `dim` numbers of the vectors, at length 1 (Matryoshka: Kusupati et al. 2022, arXiv 2205.13147).

        Raises:
            ShapeError: wider than the vectors.
        """
        if dim == self.dim:
            return self
        check_width(dim, self.dim)
        tower = self.tower.with_head(self.tower.head.cut(dim))
        return replace(self, tower=tower, digest=digest_of([self.digest, "cut", dim]))

    def turned(self, turn: FloatArray) -> "TransformerEncoder":
        """Vectors become `turn` @ vector, where `turn` (D, D) is orthogonal."""
        tower = self.tower.with_head(self.tower.head.turned(torch.from_numpy(turn)))
        return replace(self, tower=tower, digest=digest_of([self.digest, "turned", turn.tolist()]))

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The texts' token ids."""
        return Tokens.of([e.ids for e in self.tokenizer.encode_batch(list(texts))])

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        """float32 (n, dim), unit rows in the order of the texts."""
        return encoded(self.tower, self.tokens(texts), self.dim, batch_size)


def encoded(tower: nn.Module, tokens: Tokens, dim: int, batch_size: int) -> FloatArray:
    """float32 (n, dim): a tower's vectors of n texts, in their order."""
    out = np.zeros((len(tokens), dim), np.float32)
    with torch.inference_mode():
        for rows in tokens.groups(np.arange(len(tokens)), tokens=_TOKENS, most=batch_size):
            out[rows] = tower(*tokens.padded(rows)).numpy()
    return out
