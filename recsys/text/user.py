"""The torch twin of `retrieval.interest.InterestModel`: the same formulas, with gradients."""

import numpy as np
import torch
from torch import Tensor, nn

from recsys.retrieval.calibration import Platt
from recsys.retrieval.interest import AGE_KNOTS, AGE_STEP, InterestModel
from recsys.schema import Instant


class UserTower(nn.Module):
    """Pools histories of item vectors into user vectors, and turns scores into probabilities.

    Parameters carry the names of `InterestModel`'s fields; `log_scale` is the inverse temperature of the softmax loss
    and exists in training only.
    """

    def __init__(self, start: InterestModel, *, scale: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.from_numpy(start.query.copy()))
        self.age_bias = nn.Parameter(torch.from_numpy(start.age_bias.copy()))
        self.map = nn.Parameter(torch.from_numpy(start.map.copy()))
        self.weight_power = nn.Parameter(torch.tensor(start.weight_power))
        logistic = start.calibration.logistic
        self.log_slope = nn.Parameter(torch.tensor(float(np.log(logistic.slope))))
        self.intercept = nn.Parameter(torch.tensor(logistic.intercept))
        self.log_scale = nn.Parameter(torch.tensor(float(np.log(scale))))

    def forward(self, vectors_CD: Tensor, history_BH: Tensor, hours_BH: Tensor, weight_BH: Tensor) -> Tensor:
        """(B, D) user vectors.

        Args:
            vectors_CD: unit vectors; narrower ones are read by what `InterestModel.cut` would keep.
            history_BH: int64, rows of `vectors_CD`; every row holds at least one event.
            hours_BH: age of the events, 24 to a `day`.
            weight_BH: event weights, 0 where padded.

        Returns:
            The users' vectors; the score of an item is the dot product with its vector.
        """
        dim = vectors_CD.shape[1]
        vectors_BHD = vectors_CD[history_BH]
        logits_BH = vectors_BHD @ self.query[:dim] + self._bias(hours_BH)
        logits_BH = logits_BH + self.weight_power * torch.log(weight_BH.clamp(min=1e-12))
        logits_BH = logits_BH.masked_fill(weight_BH == 0, torch.finfo(torch.float32).min)
        pooled_BD = (torch.softmax(logits_BH, dim=1)[:, :, None] * vectors_BHD).sum(dim=1)
        return nn.functional.normalize(pooled_BD, dim=1) @ self.map[:dim, :dim].T

    def _bias(self, hours_BH: Tensor) -> Tensor:
        position_BH = (torch.log1p(hours_BH) / AGE_STEP).clamp(max=AGE_KNOTS - 1)
        low_BH = position_BH.long().clamp(max=AGE_KNOTS - 2)
        below_BH, above_BH = self.age_bias[low_BH], self.age_bias[low_BH + 1]
        return below_BH + (position_BH - low_BH) * (above_BH - below_BH)

    def interest_logits(self, scores: Tensor) -> Tensor:
        """Log-odds of interest, elementwise."""
        return torch.exp(self.log_slope) * scores + self.intercept

    def export(self, *, day: Instant, history_items: int) -> InterestModel:
        """The numpy model; vectors agree within 1e-5."""
        return InterestModel(
            query=self.query.detach().cpu().numpy().copy(),
            age_bias=self.age_bias.detach().cpu().numpy().copy(),
            map=self.map.detach().cpu().numpy().copy(),
            weight_power=float(self.weight_power.detach()),
            calibration=Platt(
                slope=float(torch.exp(self.log_slope.detach())), intercept=float(self.intercept.detach())
            ),
            day=day,
            history_items=history_items,
        )
