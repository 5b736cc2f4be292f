"""Torch's threads, for a while."""

import pytest
import torch

from recsys.text.threads import limited


def test_threads_are_limited_within_the_block_only():
    before = torch.get_num_threads()
    with limited(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), limited(before + 1):
        _ = 1 / 0
    assert torch.get_num_threads() == before
