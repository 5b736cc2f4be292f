"""The loss of a step: the sum of the objectives, each with its weight."""

import torch
from torch import Tensor

from recsys.text.batch import Batch
from recsys.text.config import ObjectiveConfig
from recsys.text.losses.impressions import impressions_loss
from recsys.text.losses.pairwise import pairwise_loss
from recsys.text.losses.pointwise import pointwise_loss
from recsys.text.losses.sampled_softmax import sampled_softmax_loss
from recsys.text.prefixes import prefix, widths
from recsys.text.user import UserTower


def loss(
    user: UserTower, texts_CD: Tensor, part: Batch, whole: Batch, correction_C: Tensor, config: ObjectiveConfig
) -> Tensor:
    """What a part of a step's users contributes to the loss of the step; the parts of a step add up to it.

    It is the mean over the vectors' width and `config.dims`.

    Args:
        user: pools histories.
        texts_CD: unit vectors of all the step's texts, with gradients.
        part: some of the users of `whole`.
        whole: the step.
        correction_C: strength · log q of each of the step's texts.
        config: the weights.

    Returns:
        A scalar.
    """
    dims = widths(config.dims, texts_CD.shape[1], setting="finetune.objective.dims")
    losses = [_loss(user, prefix(texts_CD, dim), part, whole, correction_C, config) for dim in dims]
    return torch.stack(losses).mean()


def _loss(
    user: UserTower, texts_CD: Tensor, part: Batch, whole: Batch, correction_C: Tensor, config: ObjectiveConfig
) -> Tensor:
    device = texts_CD.device
    history = (torch.from_numpy(a).to(device) for a in (part.history, part.hours, part.weight))
    scores_BC = user(texts_CD, *history) @ texts_CD.T
    own_BC, targets_BK = (torch.from_numpy(a).to(device) for a in (part.own, part.targets))
    weight_BK = torch.from_numpy(part.target_weight).to(device) / float(whole.target_weight.sum())
    logits_BC = user.log_scale.exp() * scores_BC
    total = texts_CD.new_zeros(())
    if config.softmax > 0:
        total = total + config.softmax * sampled_softmax_loss(logits_BC, own_BC, targets_BK, weight_BK, correction_C)
    if config.pairwise > 0:
        total = total + config.pairwise * pairwise_loss(logits_BC, own_BC, targets_BK, weight_BK, correction_C)
    if config.impressions > 0:
        shown_BS, present_BS = (torch.from_numpy(a).to(device) for a in (part.shown, part.present))
        total = total + config.impressions * impressions_loss(logits_BC, shown_BS, present_BS, targets_BK, weight_BK)
    if config.pointwise > 0:
        other_weight = 1 / max(1, int((~whole.own).sum()))
        total = total + config.pointwise * pointwise_loss(
            user.interest_logits(scores_BC), own_BC, targets_BK, weight_BK, other_weight
        )
    return total
