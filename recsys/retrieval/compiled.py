"""Loops as machine code; the only file with numba."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The loop as machine code, kept beside its file or in the user's cache folder."""
    try:
        return njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # nowhere to keep it: every process compiles its own
        return njit(nogil=True)(loop)
