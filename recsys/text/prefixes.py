"""Vectors whose first numbers are vectors too: losses are means over several widths of the same vectors.

Matryoshka representation learning, Kusupati et al. 2022, arXiv 2205.13147.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from recsys.errors import ConfigError


def widths(dims: Sequence[int] | Literal["auto"], dim: int, *, setting: str) -> tuple[int, ...]:
    """Every width at which a loss is taken, widest first: that of the vectors, then `dims`.

    Args:
        dims: falling; auto is a half and a quarter of `dim`.
        dim: width of the vectors.
        setting: name of the setting that holds `dims`.

    Raises:
        ConfigError: a width that is not below `dim`.

    >>> widths((128, 64), 384, setting="finetune.objective.dims")
    (384, 128, 64)
    >>> widths("auto", 256, setting="finetune.objective.dims"), widths("auto", 3, setting="finetune.objective.dims")
    ((256, 128, 64), (3, 1))
    """
    if dims == "auto":
        return (dim, *(dim // part for part in (2, 4) if dim >= part))
    if dims and max(dims) >= dim:
        raise ConfigError(f"Expected {setting} below {dim}, the width of the vectors, got {max(dims)}; leave it out.")
    return (dim, *dims)


def prefix(vectors_ND: Tensor, dim: int) -> Tensor:
    """(N, dim): the first `dim` numbers of unit vectors, at length 1; vectors of that width as they are."""
    return vectors_ND if dim == vectors_ND.shape[1] else nn.functional.normalize(vectors_ND[:, :dim], dim=1)
