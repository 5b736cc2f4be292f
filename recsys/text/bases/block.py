"""One layer of a BERT-like encoder as what can be taken out of it: attention heads and feed-forward units."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from recsys.errors import TrainingError

_LAYOUTS = (
    (
        "attention.self",
        ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"),
        ("intermediate.dense", "output.dense"),
    ),
    (
        "attention",
        ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
        ("ffn.lin1", "ffn.lin2"),
    ),
)
"""Where attention, its four maps and the two of the feed-forward part lie: BERT, RoBERTa, ELECTRA …; DistilBERT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The six linear maps of a layer.

    Attributes:
        query, key, value: from states to heads; a head is `head_width` rows of each.
        out: from heads to states; a head is `head_width` columns.
        up, down: from states to units and back; a unit is a row of `up` and a column of `down`.
        head_width: width of a head.
    """

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    up: nn.Linear
    down: nn.Linear
    head_width: int

    @classmethod
    def of(cls, layer: nn.Module) -> "Block":
        """The maps of a layer.

        Raises:
            TrainingError: the layer is not of the BERT family.
        """
        for attention, (query, key, value, out), (up, down) in _LAYOUTS:
            try:
                parts: dict[str, Any] = {
                    "query": layer.get_submodule(query),
                    "key": layer.get_submodule(key),
                    "value": layer.get_submodule(value),
                    "out": layer.get_submodule(out),
                    "up": layer.get_submodule(up),
                    "down": layer.get_submodule(down),
                }
            except AttributeError:
                continue
            return cls(**parts, head_width=int(layer.get_submodule(attention).attention_head_size))  # type: ignore[arg-type]
        raise TrainingError(
            f"Expected layers of the BERT family to prune, got {type(layer).__name__}; leave distill.prune at 0."
        )

    @property
    def linear(self) -> tuple[nn.Linear, ...]:
        """All six."""
        return (self.query, self.key, self.value, self.out, self.up, self.down)

    @property
    def heads(self) -> int:
        """How many heads there are."""
        return self.out.in_features // self.head_width

    @property
    def units(self) -> int:
        """How many feed-forward units there are."""
        return self.down.in_features

    @property
    def size(self) -> int:
        """Numbers in the six maps."""
        return sum(parameter.numel() for linear in self.linear for parameter in linear.parameters())

    @property
    def head_size(self) -> int:
        """Numbers that go with a head."""
        return self.head_width * (3 * (self.query.in_features + 1) + self.out.out_features)

    @property
    def unit_size(self) -> int:
        """Numbers that go with a unit."""
        return self.up.in_features + 1 + self.down.out_features

    def keep(self, *, heads: Tensor, units: Tensor) -> None:
        """Take all other heads and units out, in place; the model's own forward counts heads by the maps' width.

        Args:
            heads: bool (heads,).
            units: bool (units,).
        """
        channels = heads.repeat_interleave(self.head_width)
        for linear in (self.query, self.key, self.value):
            _keep_rows(linear, channels)
        _keep_columns(self.out, channels)
        _keep_rows(self.up, units)
        _keep_columns(self.down, units)


def _keep_rows(linear: nn.Linear, kept: Tensor) -> None:
    linear.weight = nn.Parameter(linear.weight.detach()[kept].clone())
    if linear.bias is not None:
        linear.bias = nn.Parameter(linear.bias.detach()[kept].clone())
    linear.out_features = int(kept.sum())


def _keep_columns(linear: nn.Linear, kept: Tensor) -> None:
    linear.weight = nn.Parameter(linear.weight.detach()[:, kept].clone())
    linear.in_features = int(kept.sum())
