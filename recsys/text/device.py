"""Where training computes."""

from typing import Literal

import torch

from recsys.errors import ConfigError


def chosen(wanted: Literal["auto", "cpu", "cuda"], *, workers: int = 1) -> torch.device:
    """The device of each of `workers` processes on this machine.

    Args:
        wanted: "auto" is cuda where there is a GPU for every worker, else cpu.
        workers: how many there are.

    Raises:
        ConfigError: cuda is asked for, and there are fewer GPUs than workers.
    """
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cuda" and found < workers:
        raise ConfigError(
            f'Expected {workers} GPUs for finetune.device = "cuda", one a worker, found {found}; lower '
            'finetune.workers or set finetune.device = "cpu".'
        )
    return torch.device("cpu" if wanted == "cpu" or found < workers else "cuda")
