"""One of several workers that train together: which texts it encodes, and sums over all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys.schema import BoolArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A worker among `size`.

    Attributes:
        index: from 0; the first one writes checkpoints and reports progress.
        size: how many there are.
        total: a tensor to its elementwise sum over the workers, the same bits on each of them; it may be changed.
    """

    index: int
    size: int
    total: Callable[[Tensor], Tensor]

    @classmethod
    def alone(cls) -> "Shard":
        """The only worker."""
        return cls(index=0, size=1, total=lambda tensor: tensor)

    def share(self, costs: LongArray) -> BoolArray:
        """Bool (n,): this worker's part of n things; the parts are disjoint, cover all and cost about the same.

        Dealt out from the dearest down, every other round in reverse.

        >>> Shard(index=0, size=2, total=abs).share(np.array([9, 7, 4, 1]))
        array([ True, False, False,  True])
        """
        turn, seat = np.divmod(np.arange(len(costs)), self.size)
        dealt = np.where(turn % 2 == 0, seat, self.size - 1 - seat)
        mine = np.zeros(len(costs), np.bool_)
        mine[np.argsort(-costs, kind="stable")[dealt == self.index]] = True
        return mine

    def gathered(self, rows_ND: Tensor, mine: BoolArray) -> Tensor:
        """(n, D): every worker's rows, without gradients.

        Args:
            rows_ND: this worker's, in order.
            mine: bool (n,), which of all rows they are.
        """
        whole = rows_ND.new_zeros(len(mine), rows_ND.shape[1])
        whole[torch.from_numpy(mine)] = rows_ND.detach()
        return self.total(whole)
