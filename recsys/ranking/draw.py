"""Which users a ranker learns from, where the rows of all would be too many."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError
from recsys.schema import BoolArray, LongArray

FILE = "draw.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Users drawn at random, each with all rows.

    Attributes:
        users, rows: those drawn, counted at each instant, and their rows.
        of_users, of_rows: all there were.
    """

    users: int
    rows: int
    of_users: int
    of_rows: int

    @classmethod
    def of(cls, sizes: Sequence[LongArray], kept: Sequence[BoolArray]) -> "Draw":
        """From the rows of each user, and who was drawn, instant by instant."""
        every, those = np.concatenate(sizes), np.concatenate(kept)
        return cls(users=int(those.sum()), rows=int(every[those].sum()), of_users=len(every), of_rows=int(every.sum()))

    @property
    def sentence(self) -> str:
        """What was done, for people."""
        return (
            f"learns from {self.users} of {self.of_users} users drawn at random ({self.users / self.of_users:.1%}), "
            f"with all their rows, {self.rows} of {self.of_rows}: more do not fit ranking.table_mib"
        )

    def save(self, directory: Path) -> None:
        """Write draw.json into an existing directory."""
        write_json(directory / FILE, asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "Draw | None":
        """Read what `save` wrote; None where nothing was: all were learned from.

        Raises:
            ArtifactError: not of the expected form.
        """
        path = directory / FILE
        if not path.is_file():
            return None
        body = read_json(path)
        try:
            counts = {name: int(body[name]) for name in ("users", "rows", "of_users", "of_rows")}
            return cls(**counts)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"{path} does not tell which users were drawn ({error}); train the ranker again."
            ) from error


def drawn(sizes: Sequence[LongArray], *, most: int, seed: int) -> list[BoolArray] | None:
    """So many users, in a random order, as have `most` rows together, at least one; None where all have no more.

    Args:
        sizes: instant by instant, int64 (n,), rows of each user.
        most: rows.
        seed: of the order.

    Returns:
        Instant by instant, bool (n,).
    """
    every = np.concatenate(sizes)
    if every.sum() <= most:
        return None
    order = np.random.default_rng([seed, len(every)]).permutation(len(every))
    count = max(1, int(np.searchsorted(np.cumsum(every[order]), most, side="right")))
    kept = np.zeros(len(every), np.bool_)
    kept[order[:count]] = True
    return np.split(kept, np.cumsum([len(each) for each in sizes])[:-1])
