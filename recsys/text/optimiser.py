"""How weights follow gradients: AdamW or SGD, decoupled weight decay, a rate that rises and falls, clipping."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from recsys.text.config import OptimiserConfig

_LEAST_RATE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parameters that learn at one rate.

    Attributes:
        parameters: leaves of the graph.
        rate: highest learning rate.
        decay: decoupled weight decay: a step takes away rate · decay of the weight (arXiv 1711.05101).
    """

    parameters: list[nn.Parameter]
    rate: float
    decay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """An optimiser of torch with its schedule.

    Attributes:
        inner: AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), or SGD with momentum.
        config: the settings.
        steps: length of the schedule.
    """

    inner: torch.optim.Optimizer
    config: OptimiserConfig
    steps: int

    @classmethod
    def of(cls, groups: Sequence[Group], config: OptimiserConfig, *, steps: int) -> "Optimiser":
        """Over the groups' parameters, which are made to ask for gradients."""
        for group in groups:
            for parameter in group.parameters:
                parameter.requires_grad_(True)
        options = [{"params": g.parameters, "lr": g.rate, "rate": g.rate, "decay": g.decay} for g in groups]
        inner: torch.optim.Optimizer
        if config.name == "adamw":
            # the decay is in step(), the same for both
            inner = torch.optim.AdamW(options, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
        else:
            inner = torch.optim.SGD(options, lr=config.layer_rate, momentum=config.momentum)
        return cls(inner=inner, config=config, steps=steps)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that learns."""
        return [parameter for group in self.inner.param_groups for parameter in group["params"]]

    def step(self, step: int) -> float:
        """Follow the gradients once and drop them; nothing is changed where they are not finite.

        Args:
            step: from 0, the place in the schedule.

        Returns:
            Norm of the gradient before clipping.
        """
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.config.clip))
        if math.isfinite(norm):
            factor = rate_factor(step, self.steps, self.config.warmup, self.config.schedule)
            for group in self.inner.param_groups:
                group["lr"] = group["rate"] * factor
            self._decay()
            self.inner.step()
        self.inner.zero_grad()
        return norm

    def _decay(self) -> None:
        with torch.no_grad():
            for group in self.inner.param_groups:
                for parameter in group["params"]:
                    if group["decay"] and parameter.grad is not None:
                        parameter.mul_(1 - group["lr"] * group["decay"])

    def state(self) -> dict[str, Tensor]:
        """Copies of the moments, named by the parameter's place."""
        state = self.inner.state_dict()["state"]
        return {
            f"{place}.{name}": value.clone()
            for place, entry in state.items()
            for name, value in entry.items()
            if isinstance(value, Tensor)
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Set the moments that `state` gave."""
        body = self.inner.state_dict()
        body["state"] = {}
        for key, value in state.items():
            place, name = key.split(".")
            body["state"].setdefault(int(place), {})[name] = value
        self.inner.load_state_dict(body)


def rate_factor(step: int, steps: int, warmup: float, schedule: Literal["linear", "cosine"] = "linear") -> float:
    """Share of the learning rate at a step: linear rise over the warm-up, then decay to a floor.

    >>> [round(rate_factor(s, 10, 0.2), 2) for s in (0, 1, 5, 9)]
    [0.5, 1.0, 0.62, 0.12]
    >>> [round(rate_factor(s, 10, 0.2, "cosine"), 2) for s in (0, 1, 6, 9)]
    [0.5, 1.0, 0.5, 0.04]
    """
    rising = warmup * steps
    if step + 1 <= rising:
        return (step + 1) / rising
    left = (steps - step) / max(steps - rising, 1)
    if schedule == "cosine":
        left = (1 - math.cos(math.pi * min(left, 1))) / 2
    return max(_LEAST_RATE, left)
