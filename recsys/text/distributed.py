"""The same training by Ray Train: one worker by default, more share each step's users and average their gradients."""

import os
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
import torch
import torch.distributed as dist
from ray.exceptions import RayError
from ray.train import RunConfig, ScalingConfig, get_context
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.exceptions import TrainingFailedError
from ray.util.queue import Queue
from torch import nn

from recsys.errors import RecsysError, TrainingError
from recsys.schema import Progress
from recsys.text.config import EncoderConfig, FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.finetune import finetune
from recsys.text.training import Shard

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What every worker is told."""

    corpus: Corpus
    base: Path
    encoder: EncoderConfig
    config: FinetuneConfig
    workdir: Path
    out: Path
    reports: Queue


def run(
    corpus: Corpus,
    *,
    base: Path,
    encoder: EncoderConfig,
    config: FinetuneConfig,
    workdir: Path,
    out: Path,
    progress: Progress,
) -> None:
    """Train with `config.workers` workers and write the teacher.

    One worker gives the same weights as `finetune` in this process. Several each draw their own users, so a step
    learns from that many times more.

    Args:
        corpus: what was known at encoder_end.
        base: folder of a pretrained BERT-family model, readable by every worker.
        encoder: how text becomes a vector.
        config: the settings.
        workdir: checkpoints, readable by every worker; the same directory resumes an interrupted run.
        out: an existing directory for the teacher, writable by the first worker.
        progress: called in this process.

    Raises:
        TrainingError: what `finetune` raises, or a worker that died.
    """
    with _cluster(config):
        reports = Queue(actor_options={"num_cpus": 0})
        # a worker runs in a directory of its own
        folders = {"base": base.absolute(), "workdir": workdir.absolute(), "out": out.absolute()}
        order = _Order(corpus=corpus, encoder=encoder, config=config, reports=reports, **folders)
        trainer = TorchTrainer(
            _work,
            train_loop_config={"order": order},
            scaling_config=ScalingConfig(num_workers=config.workers, resources_per_worker={"CPU": 1}),
            run_config=RunConfig(name="finetune", storage_path=str((workdir / "ray").absolute())),
            torch_config=TorchConfig(backend="gloo"),
        )
        with _forwarded(reports, progress):
            try:
                trainer.fit()
            except TrainingFailedError as error:
                raise _cause(error) from error


def _work(settings: Mapping[str, _Order]) -> None:
    """One worker's whole life."""
    order = settings["order"]
    rank, size = get_context().get_world_rank(), get_context().get_world_size()
    teacher = finetune(
        order.corpus,
        base=order.base,
        encoder=order.encoder,
        config=order.config,
        workdir=order.workdir,
        progress=lambda done, total, metrics: order.reports.put((done, total, dict(metrics))) if rank == 0 else None,
        shard=Shard(index=rank, average=lambda parameters: _average(parameters, size)),
    )
    if rank == 0:
        teacher.save(order.out)


def _average(parameters: Iterable[nn.Parameter], size: int) -> None:
    """Mean of the gradients over the workers; a parameter without one on any of them keeps none."""
    if size == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)
        parameter.grad /= size


@contextmanager
def _cluster(config: FinetuneConfig) -> Iterator[None]:
    """Ray on this machine alone, without dashboard, unless this process is already part of a cluster."""
    if ray.is_initialized():
        yield
        return
    environment = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": str(config.threads), "HF_HUB_OFFLINE": "1"}
    ray.init(
        address="local",
        num_cpus=config.workers,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": environment},
    )
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _forwarded(reports: Queue, progress: Progress) -> Iterator[None]:
    """Calls `progress` with what arrives, until the block ends and the queue is empty."""
    ended = threading.Event()

    def forward() -> None:
        while True:
            try:
                done, total, metrics = reports.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if ended.is_set():
                    return
            except RayError:  # the queue died with the cluster; whoever waits for the training hears of it
                return
            else:
                progress(done, total, metrics)

    thread = threading.Thread(target=forward, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _cause(error: TrainingFailedError) -> RecsysError:
    """The worker's own sentence, if it left one."""
    for failure in getattr(error, "worker_failures", {}).values():
        found: BaseException | None = failure
        while found is not None:
            if isinstance(found, RecsysError):
                return found
            found = getattr(found, "cause", None) or found.__cause__
    return TrainingError(f"A training worker died: {error}. Look into its log, or train with finetune.workers = 1.")
