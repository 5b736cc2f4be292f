"""Several workers on one machine without Ray: as threads that meet, or as processes joined by gloo."""

import multiprocessing
import os
import signal
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


def finetune_by_ray(corpus: Corpus, base: Path, config: FinetuneConfig, out: Path, steps: object) -> None:
    """A driver in a process of its own; tells `steps`, a queue, of every step and writes the teacher to `out`."""
    from recsys.text import distributed

    (out / "teacher").mkdir(parents=True, exist_ok=True)
    distributed.run(
        corpus,
        base=base,
        encoder=SHORT,
        config=config,
        workdir=out / "work",
        out=out / "teacher",
        progress=lambda done, *_: steps.put(done),
    )


def finetune_alone(corpus: Corpus, base: Path, config: FinetuneConfig, out: Path, steps: object) -> None:
    """The same without Ray."""
    (out / "teacher").mkdir(parents=True, exist_ok=True)
    teacher = finetune(
        corpus, base=base, encoder=SHORT, config=config, workdir=out / "work", progress=lambda done, *_: steps.put(done)
    )
    teacher.save(out / "teacher")


def killed_at(step: int, target: Callable[..., None], *arguments: object) -> None:
    """Run target(*arguments, steps) in a process and kill it with SIGKILL once it has told of the step."""
    spawn = multiprocessing.get_context("spawn")
    steps = spawn.SimpleQueue()
    process = spawn.Process(target=target, args=(*arguments, steps))
    process.start()
    while steps.get() < step:
        pass
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def train_workers() -> list[int]:
    """Process ids of Ray Train's workers that descend from this process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.joinpath("cmdline").read_bytes().startswith(b"ray::RayTrainWorker") and _is_ours(
                int(folder.name)
            ):
                found.append(int(folder.name))
        except OSError:  # it ended while we looked
            continue
    return found


def _is_ours(pid: int) -> bool:
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        if pid == os.getpid():
            return True
    return False
