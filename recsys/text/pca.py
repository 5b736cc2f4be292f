"""The baseline of Matryoshka training: vectors turned so that their first numbers are their principal components."""

from dataclasses import replace

import numpy as np
import torch

from recsys.artifacts import digest_of
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray
from recsys.text.encoder import TransformerEncoder


def pca(
    encoder: TransformerEncoder, interest: InterestModel, vectors: FloatArray
) -> tuple[TransformerEncoder, InterestModel]:
    """Turn an encoder and its user tower alike: lengths and scores stay as they are, prefixes keep the most variance.

    Args:
        encoder: whose head is turned; it stays as it is, the result shares its transformer.
        interest: its user tower.
        vectors: float32 (n, D), the encoder's, of the texts whose variance counts.

    Returns:
        Both, in the basis of the vectors' principal components, most variance first (Jolliffe 2002).
    """
    turn = principal_axes(vectors)
    tower = encoder.tower.with_head(encoder.tower.head.turned(torch.from_numpy(turn)))
    digest = digest_of([encoder.digest, "pca", turn.tolist()])
    return replace(encoder, tower=tower, digest=digest), interest.turned(turn)


def principal_axes(vectors: FloatArray) -> FloatArray:
    """float32 (D, D): orthonormal rows, the axes of most variance first; an axis' largest number is positive."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes.T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(axes * np.sign(largest), np.float32)
