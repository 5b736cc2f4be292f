"""A narrower tower that starts near a wide one: the channels, heads and inner units that matter most.

What matters is told from the weights alone (structured pruning by magnitude: Li et al. 2017, arXiv 1608.08710); what is
lost by it the lesson brings back.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recsys.errors import TrainingError
from recsys.text.bases.head import Head
from recsys.text.encoder import TextTower

_READERS = ("attention.self.query.weight", "attention.self.key.weight", "attention.self.value.weight")
_AXES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_READERS, ("heads", "states")),
    "attention.self.query.bias": ("heads",),
    "attention.self.key.bias": ("heads",),
    "attention.self.value.bias": ("heads",),
    "attention.output.dense.weight": ("states", "heads"),
    "attention.output.dense.bias": ("states",),
    "attention.output.LayerNorm.weight": ("states",),
    "attention.output.LayerNorm.bias": ("states",),
    "intermediate.dense.weight": ("inner", "states"),
    "intermediate.dense.bias": ("inner",),
    "output.dense.weight": ("states", "inner"),
    "output.dense.bias": ("states",),
    "output.LayerNorm.weight": ("states",),
    "output.LayerNorm.bias": ("states",),
}

Weights = Mapping[str, Tensor]
"""Of a layer, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a layer keeps, each int64, rising.

    Attributes:
        states: channels of the states, the same in all layers.
        heads: outputs of query, key and value, whole heads.
        inner: units of the feed-forward part.
    """

    states: Tensor
    heads: Tensor
    inner: Tensor

    def cut(self, name: str, weight: Tensor) -> Tensor:
        """The weight of that name without what is not kept."""
        for place, axis in enumerate(_AXES[name]):
            weight = weight.index_select(place, getattr(self, axis))
        return weight


def narrow(tower: TextTower, width: int) -> TextTower:
    """A copy with states of `width`; heads and feed-forward part shrink alike, the vectors stay as wide.

    Args:
        tower: laid out like BERT.
        width: a multiple of the width of an attention head: heads are kept whole or not at all.

    Raises:
        TrainingError: wider than the tower, no such multiple, or a tower laid out otherwise.
    """
    size = _head_size(tower, width)
    layers = [layer.state_dict() for layer in tower.layers]
    states = _top(_channels(tower, layers), width)
    inner = round(len(layers[0]["intermediate.dense.bias"]) * width / tower.width)
    small = TextTower(_empty(tower.transformer, width, width // size, inner), tower.head.pooling)
    _embeddings(small).load_state_dict({name: w[..., states] for name, w in _embeddings(tower).state_dict().items()})
    for layer, weights in zip(small.layers, layers, strict=True):
        kept = Kept(states=states, heads=_heads(weights, size, width), inner=_top(_units(weights), inner))
        layer.load_state_dict({name: kept.cut(name, weight) for name, weight in weights.items()})
    head = tower.head.state_dict()
    cut = {"query": head["query"][states], "projection": head["projection"][:, states], "bias": head["bias"]}
    small.head = Head.of(cut, tower.head.pooling)
    return small.eval()


def _head_size(tower: TextTower, width: int) -> int:
    if width > tower.width:
        raise TrainingError(
            f"Expected states of at most {tower.width}, the teacher's width, got distill.width = {width}; lower it."
        )
    parts = {name for layer in tower.layers for name in layer.state_dict()}
    if parts != set(_AXES) or _embeddings(tower).word_embeddings.weight.shape[1] != tower.width:
        raise TrainingError(
            f"Expected a teacher laid out like BERT to make a narrower student of, got "
            f"{type(tower.transformer).__name__}; set distill.width = 0, or choose another base."
        )
    size = tower.width // int(tower.transformer.config.num_attention_heads)  # type: ignore[union-attr,arg-type]
    if width % size:
        raise TrainingError(
            f"Expected a multiple of {size}, the width of the teacher's attention heads, got distill.width = {width}; "
            f"set it to {max(1, round(width / size)) * size}."
        )
    return size


def _embeddings(tower: TextTower) -> Any:
    return tower.transformer.embeddings


def _empty(model: Any, width: int, heads: int, inner: int) -> Any:
    """The same kind of model with weights of other shapes, to be filled."""
    config = copy.deepcopy(model.config)
    config.hidden_size, config.num_attention_heads, config.intermediate_size = width, heads, inner
    with torch.random.fork_rng(devices=[]):
        small = type(model)(config)
    if hasattr(small, "pooler"):
        small.pooler = None
    return small


def _channels(tower: TextTower, layers: Sequence[Weights]) -> Tensor:
    """(W,): share that a channel has in what is read from the states, summed over all readers.

    A norm's weight γ is the spread of its channel c: γ² · Σ_i W_ic² is the variance that reader W takes from it.
    """
    shares = torch.zeros(tower.width)
    for gain, reader in _read(tower, layers):
        taken = gain.square() * reader.square().sum(dim=0)
        shares += taken / taken.sum()
    return shares


def _read(tower: TextTower, layers: Sequence[Weights]) -> Iterator[tuple[Tensor, Tensor]]:
    gain = _embeddings(tower).LayerNorm.weight.detach()
    for weights in layers:
        for name in _READERS:
            yield gain, weights[name]
        yield weights["attention.output.LayerNorm.weight"], weights["intermediate.dense.weight"]
        gain = weights["output.LayerNorm.weight"]
    yield gain, tower.head.projection.detach()


def _heads(weights: Weights, size: int, width: int) -> Tensor:
    """Outputs of the heads that write the most into the states: the norm of value times that of the way out."""
    into = weights["attention.self.value.weight"].square().sum(dim=1)
    out = weights["attention.output.dense.weight"].square().sum(dim=0)
    importance = into.view(-1, size).sum(dim=1) * out.view(-1, size).sum(dim=1)
    kept = _top(importance, width // size)
    return (kept[:, None] * size + torch.arange(size)).flatten()


def _units(weights: Weights) -> Tensor:
    """(inner,): the norm of the way in times that of the way out."""
    into = weights["intermediate.dense.weight"].square().sum(dim=1)
    return into * weights["output.dense.weight"].square().sum(dim=0)


def _top(importance: Tensor, n: int) -> Tensor:
    """The n most important places, rising; the first of equal ones."""
    return torch.argsort(importance, descending=True, stable=True)[:n].sort().values
