"""What an index may be given."""

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import FloatArray


def check_vectors(name: str, vectors: FloatArray, shape: tuple[int | str, int | str]) -> None:
    """Refuse what is not finite, float32 and of the shape, in which a word stands for any length.

    Raises:
        ShapeError: it is not.
    """
    if vectors.ndim != 2 or any(
        type(want) is int and want != got for want, got in zip(shape, vectors.shape, strict=True)
    ):
        raise ShapeError(f"ItemIndex: expected {name} ({shape[0]}, {shape[1]}), got {vectors.shape}.")
    if vectors.dtype != np.float32:
        raise ShapeError(f"ItemIndex: expected float32 {name}, got {vectors.dtype}.")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise ShapeError(f"ItemIndex: expected finite {name}, got NaN or infinity in row {np.argmin(finite)}.")
