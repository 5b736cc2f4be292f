"""What a ranker's order comes from."""

from pathlib import Path
from typing import Protocol

from recsys.schema import DoubleArray, FloatArray


class Model(Protocol):
    """A fitted function of the features of a pair; trees or a weighted sum."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the F features, in order."""
        ...

    @property
    def size(self) -> str:
        """What there is of it, in words: "212 trees"."""
        ...

    def predict(self, values: FloatArray) -> FloatArray:
        """float32 (m,) of float32 (m, F), higher is better; a row's result does not depend on the other rows."""
        ...

    def contributions(self, values: FloatArray) -> DoubleArray:
        """float64 (m, F + 1): what each feature adds, the base value last; a row adds up to its score."""
        ...

    def importance(self) -> dict[str, float]:
        """Feature → how much it decides, from 0 up, in units of the model's own."""
        ...

    def save(self, directory: Path) -> None:
        """Write a file of its own into an existing directory."""
        ...
