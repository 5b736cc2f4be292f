"""What a method may know as of an instant, and whom it is to recommend to.

Nothing of this project is imported: other libraries have an environment of their own, and read the same file.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The positive events before an instant, oldest first, and n users to make lists for.

    Attributes:
        user: int32 (m,), of each event.
        item: int32 (m,).
        at: int64 (m,), µs since the epoch.
        shape: (n_users, n_items).
        asked: int32 (n,), the users of the lists, row by row.
        denied_indptr: int64 (n + 1,), row r may not be recommended denied[denied_indptr[r]:denied_indptr[r + 1]].
        denied: int32 (d,), items.
        available: bool (n_items,), what may be recommended at all.
        look_indptr: int64 (n + 1,), what row r takes next, where a look is allowed: empty as of the exam's instant.
        look: int32 (l,), items, ascending within a row.
        target: all, or new: only what a user has not taken before.
        k: items a list.
    """

    user: np.ndarray
    item: np.ndarray
    at: np.ndarray
    shape: tuple[int, int]
    asked: np.ndarray
    denied_indptr: np.ndarray
    denied: np.ndarray
    available: np.ndarray
    look_indptr: np.ndarray
    look: np.ndarray
    target: str
    k: int

    def save(self, file: Path) -> None:
        np.savez(file, **{field.name: np.asarray(getattr(self, field.name)) for field in fields(self)})

    @classmethod
    def load(cls, file: Path) -> "Window":
        with np.load(file, allow_pickle=False) as stored:
            parts = {name: stored[name] for name in stored.files}
        n_users, n_items = parts.pop("shape").tolist()
        return cls(**parts | {"shape": (n_users, n_items), "target": str(parts["target"]), "k": int(parts["k"])})

    def taken(self, counting: str = "once") -> csr_array:
        """float32 CSR (n_users, n_items): once: 1; log: 1 + log of the number of events; each: that number."""
        matrix = csr_array((np.ones(len(self.user)), (self.user, self.item)), shape=self.shape)
        matrix.sum_duplicates()
        matrix.data = {"once": np.ones_like, "log": lambda n: 1 + np.log(n), "each": lambda n: n}[counting](matrix.data)
        return csr_array(matrix.astype(np.float32))

    def popularity(self) -> np.ndarray:
        """int64 (n_items,): how many users took each item."""
        return np.bincount(self.taken().indices, minlength=self.shape[1])

    def lists(self, score: Callable[[np.ndarray], np.ndarray], rows: np.ndarray | None = None) -> np.ndarray:
        """The best items of the rows asked, or of some, under the rules; of equal ones the more popular first.

        Users without an event get the most popular items.

        Args:
            score: users int32 (b,) → scores (b, n_items), higher better, -inf where there is none.
            rows: int64 (r,), some of the n; all by default.

        Returns:
            int32 (r, k), -1 where nothing is left.
        """
        rows = np.arange(len(self.asked)) if rows is None else rows
        popularity = self.popularity()
        events = np.bincount(self.user, minlength=self.shape[0])
        found = [np.zeros((0, self.k), np.int32)]
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            users = self.asked[block]
            known = (events[users] > 0)[:, None]
            found.append(self._best(np.where(known, score(users), popularity), block, popularity))
        return np.concatenate(found)

    def _best(self, scores: np.ndarray, rows: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        allowed = np.tile(self.available, (len(rows), 1))
        for place, row in enumerate(rows):
            allowed[place, self.denied[self.denied_indptr[row] : self.denied_indptr[row + 1]]] = False
        popular = np.argsort(-popularity, kind="stable")
        masked = np.where(allowed, scores, -np.inf)[:, popular]
        order = np.argsort(-masked, axis=1, kind="stable")[:, : self.k]
        best = np.where(np.isfinite(np.take_along_axis(masked, order, axis=1)), popular[order], -1)
        short = self.k - best.shape[1]
        return np.pad(best, ((0, 0), (0, short)), constant_values=-1).astype(np.int32)
