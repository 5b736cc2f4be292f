"""Where training computes."""

import pytest
import torch

from recsys.errors import ConfigError
from recsys.text.device import chosen


@pytest.fixture(params=[0, 1, 2])
def gpus(request, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    return request.param


@pytest.mark.parametrize("workers", [1, 2])
def test_a_gpu_for_every_worker_or_for_none(gpus, workers):
    assert chosen("auto", workers=workers).type == ("cuda" if gpus >= workers else "cpu")
    assert chosen("cpu", workers=workers).type == "cpu"
    if gpus >= workers:
        assert chosen("cuda", workers=workers).type == "cuda"
    else:
        with pytest.raises(
            ConfigError, match=rf"Expected {workers} GPUs .* found {gpus}; lower finetune.workers or set"
        ):
            chosen("cuda", workers=workers)
