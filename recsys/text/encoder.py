"""Text to vector with torch: a BERT-family transformer, pooling, a linear head and unit length."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging

from recsys.artifacts import digest_of, sha256
from recsys.errors import ArtifactError, ConfigError
from recsys.schema import FloatArray
from recsys.text.tokens import Tokens

SETTINGS = "encoder.json"
HEAD = "head.safetensors"
TRANSFORMER = "transformer"

_TOKENS = 8192


class Head(nn.Module):
    """Token states to a unit vector: softmax_t(query · h_t) pooling, then projection and bias.

    Starts as the mean of the tokens; a query that stays zero is mean pooling.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(dim))
        self.projection = nn.Parameter(torch.eye(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def pool(self, hidden_NTD: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, D): the tokens' states weighted by the query, padding left out."""
        logits_NT = (hidden_NTD @ self.query).masked_fill(~mask_NT, torch.finfo(hidden_NTD.dtype).min)
        return (torch.softmax(logits_NT, dim=1)[:, :, None] * hidden_NTD).sum(dim=1)

    def project(self, pooled_ND: Tensor) -> Tensor:
        """(N, D) of length 1."""
        return nn.functional.normalize(pooled_ND @ self.projection.T + self.bias, dim=1)


class TextTower(nn.Module):
    """The whole way from token ids to unit vectors, cut in two so that frozen lower layers can be cached.

    Attributes:
        embeddings: token ids to states.
        layers: the transformer's layers.
        head: pooling, projection, length 1.
    """

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        self.head = Head(self.dim)

    @property
    def dim(self) -> int:
        """Width of states and vectors."""
        return int(self.transformer.config.hidden_size)  # type: ignore[union-attr,arg-type]

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer's layers, lowest first."""
        layers = self.transformer.encoder.layer  # type: ignore[union-attr]
        assert isinstance(layers, nn.ModuleList)
        return layers

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
        return self._through(self.transformer.embeddings(ids_NT), mask_NT, self.layers[:layers])  # type: ignore[operator]

    def upper(self, hidden_NTD: Tensor, mask_NT: Tensor, *, layers: int) -> Tensor:
        """(N, D): the pooled states after the layers above the lowest `layers`."""
        return self.head.pool(self._through(hidden_NTD, mask_NT, self.layers[layers:]), mask_NT)

    def forward(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, D): unit vectors; `mask_NT` is true where a token is."""
        depth = len(self.layers)
        return self.head.project(self.upper(self.lower(ids_NT, mask_NT, layers=depth), mask_NT, layers=depth))

    @staticmethod
    def _through(hidden_NTD: Tensor, mask_NT: Tensor, layers: nn.ModuleList) -> Tensor:
        lowest = torch.finfo(hidden_NTD.dtype).min
        bias_N11T = torch.zeros_like(mask_NT, dtype=hidden_NTD.dtype).masked_fill(~mask_NT, lowest)[:, None, None, :]
        for layer in layers:
            hidden_NTD = layer(hidden_NTD, bias_N11T)
        return hidden_NTD


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerEncoder:
    """A tower with its tokenizer: a `retrieval.embeddings.TextEncoder`.

    Attributes:
        tower: in evaluation mode.
        tokenizer: cuts to `max_tokens`, does not pad.
        max_tokens: length limit of a text.
        pooling: "mean" keeps the head's query zero.
        digest: sha256 of weights, tokenizer and settings.
    """

    tower: TextTower
    tokenizer: Tokenizer
    max_tokens: int
    pooling: Literal["mean", "attention"]
    digest: str

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.tower.dim

    @classmethod
    def of_base(cls, folder: Path, *, max_tokens: int, pooling: Literal["mean", "attention"]) -> "TransformerEncoder":
        """A pretrained model as it comes, with a head that changes nothing.

        Args:
            folder: config.json, model.safetensors, tokenizer.json of a BERT-family model.
            max_tokens: length limit of a text; never more than the model has positions.
            pooling: what the head's query may do later.

        Raises:
            ArtifactError: a file is missing or of an unknown form.
        """
        tower = TextTower(_read_transformer(folder)).eval()
        positions = int(tower.transformer.config.max_position_embeddings)  # type: ignore[union-attr,arg-type]
        limit = min(max_tokens, positions - 2)
        return cls(
            tower=tower,
            tokenizer=_read_tokenizer(folder / "tokenizer.json", limit),
            max_tokens=limit,
            pooling=pooling,
            digest=_digest(folder, limit),
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
            head = load_file(directory / HEAD)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ArtifactError(
                f"Expected an encoder in {directory}, could not read it ({error}); make it again."
            ) from error
        base = cls.of_base(directory / TRANSFORMER, max_tokens=limit, pooling=pooling)
        base.tower.head.load_state_dict(head)
        digest = _digest(directory / TRANSFORMER, limit, sha256(directory / HEAD))
        return cls(
            tower=base.tower, tokenizer=base.tokenizer, max_tokens=base.max_tokens, pooling=pooling, digest=digest
        )

    def save(self, directory: Path) -> None:
        """Write transformer/, head.safetensors and encoder.json into an existing directory."""
        folder = directory / TRANSFORMER
        folder.mkdir(exist_ok=True)
        self.tower.transformer.config.save_pretrained(folder)  # type: ignore[union-attr,operator]
        weights = {name: value.contiguous() for name, value in self.tower.transformer.state_dict().items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        self.tokenizer.save(str(folder / "tokenizer.json"))
        save_file(self.tower.head.state_dict(), directory / HEAD)
        settings = {
            "dim": self.dim,
            "layers": len(self.tower.layers),
            "max_tokens": self.max_tokens,
            "pooling": self.pooling,
        }
        (directory / SETTINGS).write_text(json.dumps(settings, indent=1))

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


def _read_transformer(folder: Path) -> nn.Module:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ArtifactError(f"Expected a pretrained model at {folder}, found no {name}; fetch or copy it again.")
    progress, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        model = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, add_pooling_layer=False
        )
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise ArtifactError(
            f"Expected a BERT-family model at {folder}, could not read it ({error}); choose another base."
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if progress:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    if not (hasattr(model, "embeddings") and hasattr(getattr(model, "encoder", None), "layer")):
        raise ArtifactError(
            f"Expected a BERT-family model (embeddings, encoder.layer) at {folder}, got {type(model).__name__}; "
            "choose another base."
        )
    assert isinstance(model, nn.Module)
    return model.float()


def _read_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _digest(folder: Path, *settings: object) -> str:
    """Of the transformer's weights and tokenizer and of what else shapes a vector."""
    parts = [sha256(folder / name) for name in ("config.json", "model.safetensors", "tokenizer.json")]
    return digest_of([*parts, *map(str, settings)])
