"""The gradients of one step, the same for any number of workers.

Every worker draws the same batch and encodes its share of the distinct texts. The vectors are exchanged, each worker
computes the loss of some of the users over all texts of the step, and the gradient of the vectors, summed over the
workers, goes back to whoever encoded them. So negatives are shared, every distinct text is encoded once (GRAM, arXiv
2204.04179) and no gradient is lost on the way.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from recsys.schema import LongArray
from recsys.text import objective
from recsys.text.batch import Batch
from recsys.text.dropout import dropping
from recsys.text.shard import Shard
from recsys.text.task import Phase, Task, pooled


def add_gradients(task: Task, phase: Phase, batch: Batch, correction_C: Tensor, *, stream: int) -> float:
    """Add this worker's part of a batch's gradients to those of the parameters.

    Args:
        task: what is trained.
        phase: what learns.
        batch: the whole batch, the same on every worker.
        correction_C: strength · log q of each of its texts.
        stream: number of the draw, the seed of its dropout.

    Returns:
        The loss of the whole batch.
    """
    shard = task.shard
    mine = task.mine[batch.texts]
    own_ND = _encoded(task, phase, batch.texts[mine], stream)
    texts_CD = shard.gathered(own_ND, mine).requires_grad_()
    part = batch.part(shard.index, shard.size)
    loss = objective.loss(task.towers.user, texts_CD, part, batch, correction_C, task.config.objective)
    if task.penalty is not None:
        loss = loss + task.penalty(task.towers, batch.texts, texts_CD) / shard.size
    (loss / task.config.accumulate).backward()  # type: ignore[no-untyped-call]
    assert texts_CD.grad is not None
    own_ND.backward(shard.total(texts_CD.grad)[torch.from_numpy(mine)])  # type: ignore[no-untyped-call]
    return float(shard.total(loss.detach().clone()))


def _encoded(task: Task, phase: Phase, rows: LongArray, stream: int) -> Tensor:
    config, text = task.config, task.towers.text
    learning = text.layers[task.states.layers :] if phase.name == "layers" else nn.ModuleList()
    seed = (config.seed, stream, task.shard.index)
    half = torch.autocast(task.device.type, torch.bfloat16, enabled=config.precision == "bf16")
    with dropping(learning, config.dropout, seed=seed, device=task.device), half:
        pooled_ND = pooled(task, phase)(rows)
    return text.head.project(pooled_ND.to(text.head.bias.dtype))


def exchange(parameters: Iterable[nn.Parameter], shard: Shard) -> None:
    """Replace every gradient by its sum over the workers; one that is missing counts as zeros."""
    parameters = list(parameters)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    # one message for all of them
    total = shard.total(torch.cat([gradient.flatten() for gradient in gradients]))
    for parameter, gradient in zip(parameters, torch.split(total, [p.numel() for p in parameters]), strict=True):
        parameter.grad = gradient.view_as(parameter)
