"""What each item pays for being in many lists, found as in an auction."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError
from recsys.schema import BoolArray, DoubleArray

_STEP = 0.05
"""Largest rise of a price in a round, in units of the spread of a user's scores."""

_LEAST = 0.1
"""Part of the largest rise that an item pays which is in hardly too many lists."""

_ROUNDING = 1e-12

_FILE = "prices.npy"

Shares = Callable[[DoubleArray], DoubleArray]
"""From float64 (n_items,), the prices, to float64 (n_items,), the share of lists that each item is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A price for each item, in units of the spread of a user's scores.

    Attributes:
        per_item: float64 (n_items,), from 0 up.
        reached: the largest share of lists that one item is in at these prices, among those that pay.
    """

    per_item: DoubleArray
    reached: float

    @classmethod
    def found(cls, shares: Shares, *, limit: float, rounds: int, exempt: BoolArray) -> "Prices":
        """Raise prices until no item is in more than a share `limit` of the lists, or `rounds` times.

        Args:
            shares: makes the lists at given prices.
            limit: of the share, above 0.
            rounds: most rises.
            exempt: bool (n_items,), items that pay nothing, as pinned ones.
        """
        price = np.zeros(len(exempt))
        for turn in range(rounds + 1):
            share = np.where(exempt, 0.0, shares(price))
            excess = share / limit - 1
            if turn == rounds or excess.max(initial=0.0) <= _ROUNDING:
                break
            price = price + np.where(excess > _ROUNDING, _STEP * np.clip(excess, _LEAST, 1), 0.0)
        return cls(per_item=price, reached=float(share.max(initial=0.0)))

    def meets(self, limit: float) -> bool:
        """Whether no item was in more than a share `limit` of the lists they were found on."""
        return self.reached / limit - 1 <= _ROUNDING

    def save(self, directory: Path) -> None:
        """Write prices.npy and prices.json into an existing directory."""
        np.save(directory / _FILE, self.per_item, allow_pickle=False)
        write_json(directory / "prices.json", {"reached": self.reached})

    @classmethod
    def load(cls, directory: Path, *, n_items: int) -> "Prices | None":
        """Read what `save` wrote; None where nothing was written.

        Raises:
            ArtifactError: prices of another catalogue.
        """
        if not (directory / _FILE).is_file():
            return None
        per_item = np.load(directory / _FILE, allow_pickle=False)
        if per_item.shape != (n_items,) or per_item.dtype != np.float64:
            raise ArtifactError(
                f"Expected {n_items} prices in {directory / _FILE}, one an item, got {per_item.dtype} "
                f"{per_item.shape}; release again."
            )
        return cls(per_item=per_item, reached=float(read_json(directory / "prices.json")["reached"]))
