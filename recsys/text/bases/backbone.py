"""Transformers taken apart, so that frozen lower layers can be cached: embeddings, layer after layer, what follows.

Two families: bidirectional encoders laid out like BERT (BERT, RoBERTa, XLM-R, ELECTRA, DistilBERT …) and causal
decoders laid out like Llama (Llama, Mistral, Qwen …). Whatever loads as one of them is compared with the model's own
forward first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from recsys.errors import ArtifactError

_AGREEMENT = 1e-4
"""Largest difference to the model's own states, as a share of their largest value: rounding, and no more."""


class Backbone(Protocol):
    """The parts of one transformer."""

    @property
    def layers(self) -> nn.ModuleList:
        """Lowest first."""

    @property
    def positions(self) -> int:
        """Longest text in tokens."""

    def embed(self, ids_NT: Tensor) -> Tensor:
        """(N, T, D): the states below the lowest layer."""

    def through(self, hidden_NTD: Tensor, mask_NT: Tensor, layers: Iterable[nn.Module]) -> Tensor:
        """(N, T, D): the states after these layers."""

    def finish(self, hidden_NTD: Tensor) -> Tensor:
        """(N, T, D): what follows the highest layer."""

    def keep(self, layers: Sequence[int]) -> None:
        """Drop all other layers, in place."""


@dataclass(frozen=True, slots=True)
class BertBackbone:
    """Every token sees every other; positions are embedded, RoBERTa's start behind the padding id."""

    model: Any

    @property
    def _stack(self) -> Any:
        return self.model.encoder if hasattr(self.model, "encoder") else self.model.transformer

    @property
    def layers(self) -> nn.ModuleList:
        """Lowest first."""
        layers: nn.ModuleList = self._stack.layer
        return layers

    @property
    def positions(self) -> int:
        """Longest text in tokens."""
        embeddings, most = self.model.embeddings, int(self.model.config.max_position_embeddings)
        shifted = hasattr(embeddings, "create_position_ids_from_input_ids")
        return most - int(embeddings.padding_idx) - 1 if shifted else most

    def embed(self, ids_NT: Tensor) -> Tensor:
        """(N, T, D): word, position and type embeddings, widened where they are narrower than the layers (ELECTRA)."""
        hidden: Tensor = self.model.embeddings(ids_NT)
        return self.model.embeddings_project(hidden) if hasattr(self.model, "embeddings_project") else hidden

    def through(self, hidden_NTD: Tensor, mask_NT: Tensor, layers: Iterable[nn.Module]) -> Tensor:
        """(N, T, D): the states after these layers."""
        bias_N11T = _bias(mask_NT[:, None, None, :], hidden_NTD)
        for layer in layers:
            hidden_NTD = layer(hidden_NTD, bias_N11T)
        return hidden_NTD

    def finish(self, hidden_NTD: Tensor) -> Tensor:
        """(N, T, D): as they are."""
        return hidden_NTD

    def keep(self, layers: Sequence[int]) -> None:
        """Drop all other layers, in place."""
        self._stack.layer = nn.ModuleList(self.layers[i] for i in layers)
        self.model.config.num_hidden_layers = len(layers)


@dataclass(frozen=True, slots=True)
class CausalBackbone:
    """Every token sees those before it; positions are rotations of queries and keys; a norm follows the layers."""

    model: Any

    @property
    def layers(self) -> nn.ModuleList:
        """Lowest first."""
        layers: nn.ModuleList = self.model.layers
        return layers

    @property
    def positions(self) -> int:
        """Longest text in tokens; never longer than a sliding window, which then hides nothing."""
        config = self.model.config
        window = getattr(config, "sliding_window", None)
        return min(int(config.max_position_embeddings), int(window or config.max_position_embeddings))

    def embed(self, ids_NT: Tensor) -> Tensor:
        """(N, T, D): word embeddings."""
        hidden: Tensor = self.model.embed_tokens(ids_NT)
        return hidden

    def through(self, hidden_NTD: Tensor, mask_NT: Tensor, layers: Iterable[nn.Module]) -> Tensor:
        """(N, T, D): the states after these layers."""
        places_T = torch.arange(hidden_NTD.shape[1], device=hidden_NTD.device)
        seen_N1TT = (places_T[:, None] >= places_T)[None, None] & mask_NT[:, None, None, :]
        bias_N1TT = _bias(seen_N1TT, hidden_NTD)
        rotation = self.model.rotary_emb(hidden_NTD, places_T[None])
        for layer in layers:
            hidden_NTD = layer(hidden_NTD, attention_mask=bias_N1TT, position_embeddings=rotation)
        return hidden_NTD

    def finish(self, hidden_NTD: Tensor) -> Tensor:
        """(N, T, D): normed."""
        normed: Tensor = self.model.norm(hidden_NTD)
        return normed

    def keep(self, layers: Sequence[int]) -> None:
        """Drop all other layers, in place."""
        config = self.model.config
        self.model.layers = nn.ModuleList(self.layers[i] for i in layers)
        for place, layer in enumerate(self.layers):
            layer.self_attn.layer_idx = place  # type: ignore[union-attr]
        config.num_hidden_layers = len(layers)
        if getattr(config, "layer_types", None) is not None:
            config.layer_types = [config.layer_types[i] for i in layers]


def backbone_of(model: nn.Module) -> Backbone:
    """The parts of a transformer by how it is laid out.

    Raises:
        ArtifactError: it is of neither family.
    """
    stack = getattr(model, "encoder", None) or getattr(model, "transformer", None)
    if hasattr(model, "embeddings") and isinstance(getattr(stack, "layer", None), nn.ModuleList):
        return BertBackbone(model)
    if all(hasattr(model, part) for part in ("embed_tokens", "layers", "norm", "rotary_emb")):
        return CausalBackbone(model)
    raise ArtifactError(
        f"Expected a model of the BERT family or a decoder like Llama or Qwen at {_place(model)}, "
        f"got {type(model).__name__}; choose another base."
    )


def check_parts(model: nn.Module) -> None:
    """Compare the parts, put together, with the model's own forward, padded and not.

    Raises:
        ArtifactError: it is of neither family, or does more than its parts show.
    """
    parts = backbone_of(model)
    vocabulary = int(model.config.vocab_size)  # type: ignore[union-attr,arg-type]
    ids_NT = torch.arange(12).reshape(2, 6) % vocabulary
    mask_NT = torch.arange(6) < torch.tensor([[6], [4]])
    try:
        with torch.inference_mode():
            own = model(input_ids=ids_NT, attention_mask=mask_NT.long()).last_hidden_state[mask_NT]
            ours = parts.finish(parts.through(parts.embed(ids_NT), mask_NT, parts.layers))[mask_NT]
        difference = float((own - ours).abs().max() / own.abs().max())
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError):
        difference = float("inf")
    if not difference <= _AGREEMENT:
        raise ArtifactError(
            f"Expected a model at {_place(model)} that is its embeddings and layers and no more, got "
            f"{type(model).__name__}, whose states differ by {difference:.2g}; choose a base of the BERT family or a "
            "decoder like Llama or Qwen."
        )


def _place(model: nn.Module) -> str:
    return str(getattr(model, "name_or_path", "") or "no folder")


def _bias(seen: Tensor, hidden: Tensor) -> Tensor:
    """What is added to attention logits: nothing where seen, else the lowest number."""
    return torch.zeros_like(seen, dtype=hidden.dtype).masked_fill(~seen, torch.finfo(hidden.dtype).min)
