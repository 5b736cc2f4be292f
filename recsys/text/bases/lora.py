"""Low-rank updates: every linear map W of the layers becomes W + (alpha / rank) · B·A, and only A and B learn.

Hu et al. 2021, arXiv 2106.09685. B starts at zero, so that an adapted tower begins as the one it was made from.
"""

import torch
from torch import nn

from recsys.text.encoder import TextTower

_MARK = "lora_"


def adapt(tower: TextTower, *, rank: int, alpha: int, seed: int) -> None:
    """Add low-rank updates to all linear maps of the tower's layers, in place; everything else is frozen.

    Args:
        tower: as pretrained, not adapted yet.
        rank: of the updates; never more than they can use.
        alpha: the updates count alpha / rank times.
        seed: of the A matrices.
    """
    from peft import LoraConfig, inject_adapter_in_model  # its import alone makes a folder of torch's compiler

    linear = {id(module) for module in tower.layers.modules() if isinstance(module, nn.Linear)}
    names = [name for name, module in tower.transformer.named_modules() if id(module) in linear]
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, bias="none", target_modules=names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, tower.transformer)


def merge(tower: TextTower) -> None:
    """Add the updates, if there are any, to the weights, in place: an ordinary tower that computes the same."""
    if not hasattr(tower.transformer, "peft_config"):
        return
    from peft.tuners.lora import LoraLayer

    for name, module in list(tower.transformer.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            tower.transformer.set_submodule(name, module.get_base_layer())
    del tower.transformer.peft_config


def learnable(tower: TextTower, *, frozen: int) -> list[nn.Parameter]:
    """What learns in the layers above the lowest `frozen`: their updates where the tower is adapted, else all."""
    named = list(tower.layers[frozen:].named_parameters())
    updates = [parameter for name, parameter in named if _MARK in name]
    return updates or [parameter for _, parameter in named]
