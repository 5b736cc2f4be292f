"""Dropout for the layers that learn, for a while, drawn from a seed of its own."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from recsys.errors import ConfigError


@contextlib.contextmanager
def dropping(layers: nn.ModuleList, share: float, *, seed: Sequence[int], device: torch.device) -> Iterator[None]:
    """Within the block the layers drop `share` of their states and attention at random; nothing happens at 0.

    What is dropped is a pure function of the seed, and torch's own generators stand afterwards where they stood.

    Raises:
        ConfigError: the layers have no place for dropout.
    """
    places = [module for module in layers.modules() if isinstance(module, nn.Dropout)]
    if share == 0 or len(layers) == 0:
        yield
        return
    if not places:
        raise ConfigError(
            f"Expected layers with dropout, got {type(layers[0]).__name__} without; set finetune.dropout or "
            "head.layer_dropout to 0."
        )
    for place in places:
        place.p = share
    layers.train()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.default_rng(list(seed)).integers(2**63)))
            yield
    finally:
        layers.eval()
