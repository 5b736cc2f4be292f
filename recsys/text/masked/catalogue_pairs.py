"""Questions a catalogue can answer about itself, so that a prompt knows what relatedness is before anybody is asked.

Pre-trained prompt tuning (Gu et al. 2022, PPT, arXiv:2109.04332): the prompt is first tuned on a self-supervised task
of the same form. Here "yes" is a near title in the space of the untrained encoder, "no" the title that answers another
question, so that no title is likelier to be right than wrong by itself. One title is a history: with up to four titles
and ten neighbours instead of one and five, twenty steps taught nothing (loss .71 against .32 on online-retail).
"""

from collections.abc import Sequence

import numpy as np

from recsys.errors import TrainingError
from recsys.schema import FloatArray
from recsys.text.masked.few_shot import Labelled

_NEAR = 5
"""Neighbours of a title that count as related."""


def catalogue_pairs(titles: Sequence[str], vectors: FloatArray, *, n: int, seed: int) -> Labelled:
    """`n` histories of one title, each asked about once with a "yes" and once with a "no".

    Args:
        titles: distinct.
        vectors: float32 (len(titles), d), unit rows; less what all texts share, or everything is near to everything.
        n: number of histories.
        seed: of the draw.

    Raises:
        TrainingError: too few titles to have neighbours, or no question asked for.
    """
    if len(titles) <= _NEAR or n < 2:
        raise TrainingError(
            f"Expected more than {_NEAR} distinct titles and at least 2 histories to make questions from a catalogue, "
            f"got {len(titles)} and {n}; bring more items, or set prompt.catalogue_pairs = 0."
        )
    rng = np.random.default_rng(seed)
    anchors = rng.choice(len(titles), n, replace=n > len(titles))
    scores = vectors[anchors] @ vectors.T
    scores[np.arange(n), anchors] = -np.inf
    near = np.argpartition(-scores, _NEAR, axis=1)[:, :_NEAR]
    chosen = near[np.arange(n), rng.integers(0, _NEAR, n)]
    histories = [(titles[i],) for i in anchors]
    candidates = [titles[i] for i in chosen]
    return Labelled(
        histories=histories * 2, candidates=candidates + candidates[1:] + candidates[:1], labels=[1] * n + [0] * n
    )
