"""How many threads torch may use, for a while."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def limited(threads: int) -> Iterator[None]:
    """Within the block torch computes with `threads` threads; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
