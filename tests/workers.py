"""Several workers on one machine without Ray: as threads that meet, or as processes joined by gloo."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist

from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.finetune import finetune
from recsys.text.shard import Shard
from tests.tiny import SHORT, silent

T = TypeVar("T")


def together(size: int, work: Callable[[Shard], T]) -> list[T]:
    """What each of `size` threads makes of its shard."""
    barrier = threading.Barrier(size)
    laid: dict[int, torch.Tensor] = {}

    def total(index: int, tensor: torch.Tensor) -> torch.Tensor:
        laid[index] = tensor.clone()
        barrier.wait(30)
        result = torch.stack([laid[i] for i in range(size)]).sum(dim=0)
        barrier.wait(30)
        return result

    def run(index: int) -> T:
        torch.set_num_threads(1)
        try:
            return work(Shard(index=index, size=size, total=lambda tensor: total(index, tensor)))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size)))


def join_and_finetune(index: int, size: int, port: int, corpus: Corpus, base: Path, config: FinetuneConfig, out: Path):
    """One process of several: trains as worker `index`; the first one writes its teacher to `out`."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=index, world_size=size)

    def total(tensor: torch.Tensor) -> torch.Tensor:
        dist.all_reduce(tensor)
        return tensor

    shard = Shard(index=index, size=size, total=total)
    teacher = finetune(
        corpus, base=base, encoder=SHORT, config=config, workdir=out / "work", progress=silent, shard=shard
    )
    if index == 0:
        (out / "teacher").mkdir()
        teacher.save(out / "teacher")
    dist.destroy_process_group()
