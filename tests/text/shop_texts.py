"""Labelled texts and tagged sentences in the small shop's words: who knows the words knows the labels."""

import numpy as np

from recsys.data.synthetic import WORDS
from recsys.text.config import OptimiserConfig
from recsys.text.heads.config import HeadConfig
from recsys.text.heads.examples import Sentences, Texts

QUICK = HeadConfig(
    epochs=6,
    batch_size=16,
    optimiser=OptimiserConfig(layer_rate=1e-2, head_rate=1e-2),
    lora_alpha=16,
    threads=1,
    max_tokens=16,
    valid_fraction=0.2,
    patience=12,
    layer_dropout=0,
)
"""A training of a second."""

NAMES = ("garden", "kitchen", "stationery", "toys")


def texts(n: int, seed: int = 0) -> Texts:
    """Three words of a taste, which is the label."""
    rng = np.random.default_rng(seed)
    labels = [NAMES[i] for i in rng.integers(0, 4, n)]
    return Texts(
        texts=tuple(" ".join(rng.choice(WORDS[label], 3)) for label in labels),
        labels=tuple(labels),
        places=tuple(f"file, line {i + 1}" for i in range(n)),
    )


def sentences(n: int, seed: int = 0) -> Sentences:
    """Words of garden and kitchen are tagged as such, neighbours together; colours are outside."""
    rng = np.random.default_rng(seed)
    words, tags = [], []
    for _ in range(n):
        own_words, own_tags = ["red"], ["O"]
        for taste in rng.choice(("garden", "kitchen"), 2, replace=False):
            length = rng.integers(1, 3)
            own_words += [*rng.choice(WORDS[taste], length), rng.choice(["red", "blue"])]
            own_tags += [f"B-{taste}", *[f"I-{taste}"] * (length - 1), "O"]
        words.append(tuple(map(str, own_words)))
        tags.append(tuple(own_tags))
    return Sentences(words=tuple(words), tags=tuple(tags), places=tuple(f"file, line {i + 1}" for i in range(n)))


TASTES = texts(240)
THINGS = sentences(1000)
PATIENT = QUICK.model_copy(
    update={"epochs": 8, "looks": 1, "optimiser": OptimiserConfig(layer_rate=3e-3, head_rate=1e-2), "dropout": 0.0}
)
"""What tags need more of than classes."""
