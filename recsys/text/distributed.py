"""The same training by Ray Train: any number of workers, which share each step's work and learn what one would.

So the number may change on the way: when a machine is lost, as many go on as the others have room for.
"""

import os
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Ray Train counts a lost machine's CPUs for up to 20 s, and would then wait a minute for workers on them
os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "20")

import ray
import torch
import torch.distributed as dist
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, get_context
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.config import ScalingConfig
from ray.train.v2.api.exceptions import TrainingFailedError
from ray.util.queue import Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from torch import Tensor

from recsys.errors import RecsysError, TrainingError
from recsys.schema import Progress
from recsys.text.bases.config import EncoderConfig
from recsys.text.config import FinetuneConfig
from recsys.text.corpus import Corpus
from recsys.text.device import chosen
from recsys.text.finetune import finetune
from recsys.text.shard import Shard

_POLL_SECONDS = 0.2
_REASON = 160
_RESOURCES = {"cpu": {"CPU": 1.0}, "cuda": {"CPU": 1.0, "GPU": 1.0}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What every worker is told."""

    corpus: Corpus
    base: Path
    encoder: EncoderConfig
    config: FinetuneConfig
    workdir: Path
    out: Path
    start: Path | None
    reports: Queue
    errors: Queue


def run(
    corpus: Corpus,
    *,
    base: Path,
    encoder: EncoderConfig,
    config: FinetuneConfig,
    workdir: Path,
    out: Path,
    progress: Progress,
    start: Path | None = None,
) -> None:
    """Train with `config.workers` workers and write the teacher.

    One worker gives the same weights as `finetune` in this process. Several share the work of each step; sums are
    rounded in another order. Workers that die are started again, `config.max_failures` times, from the last checkpoint;
    fewer, at least one, where the cluster has no room for `config.workers` any more, and more when it has again.

    Args:
        corpus: what was known at encoder_end.
        base: folder of a pretrained model, readable by every worker.
        encoder: how text becomes a vector.
        config: the settings.
        workdir: checkpoints, readable by every worker; the same directory resumes an interrupted run.
        out: an existing directory for the teacher, writable by the first worker.
        progress: called in this process.
        start: directory of a teacher to go on from instead of `base`, readable by every worker.

    Raises:
        ConfigError: fewer GPUs than workers where cuda is asked for.
        TrainingError: what `finetune` raises, or workers that died too often.
    """
    device = chosen(config.device, workers=config.workers)
    with _cluster(config):
        reports, errors = _queue(), _queue()
        # a worker runs in a directory of its own
        folders = {"base": base.absolute(), "workdir": workdir.absolute(), "out": out.absolute()}
        order = _Order(
            corpus=corpus,
            encoder=encoder,
            config=config.model_copy(update={"device": device.type}),
            start=start.absolute() if start is not None else None,
            reports=reports,
            errors=errors,
            **folders,
        )
        trainer = _trainer(order, device)
        with _forwarded(reports, progress):
            try:
                trainer.fit()
            except TrainingFailedError as error:
                raise _cause(errors, error) from error
            if not errors.empty():
                raise errors.get()


def _trainer(order: _Order, device: torch.device) -> TorchTrainer:
    config, gpu = order.config, device.type == "cuda"
    return TorchTrainer(
        _work,
        train_loop_config={"order": order},
        scaling_config=ScalingConfig(
            num_workers=(1, config.workers), use_gpu=gpu, resources_per_worker=_RESOURCES[device.type]
        ),
        run_config=RunConfig(
            name="finetune",
            storage_path=str(order.workdir / "ray"),
            failure_config=FailureConfig(max_failures=config.max_failures),
        ),
        torch_config=TorchConfig(backend="nccl" if gpu else "gloo"),
    )


def _queue() -> Queue:
    """One that lives as long as this process's machine: no worker that is lost takes it along."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


def _work(settings: Mapping[str, _Order]) -> None:
    """One worker's whole life."""
    order = settings["order"]
    if not order.errors.empty():  # to start again would only fail again
        return
    rank = get_context().get_world_rank()
    try:
        teacher = finetune(
            order.corpus,
            base=order.base,
            encoder=order.encoder,
            config=order.config,
            workdir=order.workdir,
            progress=lambda done, total, metrics: order.reports.put((done, total, dict(metrics))),
            shard=Shard(index=rank, size=get_context().get_world_size(), total=_total),
            start=order.start,
        )
        if rank == 0:
            teacher.save(order.out)
    except RecsysError as error:
        order.errors.put(error)
        raise


def _total(tensor: Tensor) -> Tensor:
    """Sum over the workers."""
    dist.all_reduce(tensor)
    return tensor


@contextmanager
def _cluster(config: FinetuneConfig) -> Iterator[None]:
    """The cluster that this process is part of, or that $RAY_ADDRESS names, as a Ray job's does; else a Ray of its own,
    on this machine alone and without dashboard.
    """
    if ray.is_initialized():
        yield
        return
    environment = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": str(config.threads), "HF_HUB_OFFLINE": "1"}
    runtime_env = {"env_vars": environment}
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False, runtime_env=runtime_env)
    else:
        ray.init(
            address="local",
            num_cpus=config.workers,
            include_dashboard=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
            runtime_env=runtime_env,
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


def _cause(errors: Queue, error: TrainingFailedError) -> RecsysError:
    """The worker's own sentence, if it left one."""
    if not errors.empty():
        told = errors.get()
        assert isinstance(told, RecsysError)
        return told
    reason = str(error).strip().splitlines()[-1][:_REASON]
    return TrainingError(
        f"Training workers died more often than finetune.max_failures allows, the last one of: {reason}… "
        "Look into Ray's log; run again to go on from the last checkpoint."
    )
