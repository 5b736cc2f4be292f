"""Where each peer's settings are looked for, by seeded random search (Bergstra & Bengio 2012).

The first trial is what the method's authors or its library take; the others are drawn. Trial i does not depend on how
many there are, nor on the other peers.
"""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Value = float | int | str
Draw = Callable[[np.random.Generator], Value]


def one_of(*values: Value) -> Draw:
    """Each as likely."""
    return lambda rng: values[rng.integers(len(values))]


def between(low: float, high: float) -> Draw:
    """Evenly on a log scale, three digits."""
    return lambda rng: float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")


def count(low: int, high: int) -> Draw:
    """A whole number, evenly on a log scale."""
    return lambda rng: round(math.exp(rng.uniform(math.log(low), math.log(high))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Settings of a peer.

    Attributes:
        module: of this package, with the peer in it.
        usual: setting → value of the first trial.
        draws: setting → how others are drawn.
        foreign: the library runs in an environment of its own.
    """

    module: str
    usual: Mapping[str, Value]
    draws: Mapping[str, Draw]
    foreign: bool = False

    def trials(self, name: str, *, n: int, seed: int) -> list[dict[str, Value]]:
        """n settings, the usual ones first."""
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        drawn = [{key: draw(rng) for key, draw in self.draws.items()} for _ in range(n - 1)]
        return [dict(self.usual), *drawn]


WIDTHS = one_of(16, 32, 64, 128, 256)
DROPOUTS = one_of(0.1, 0.2, 0.3, 0.4, 0.5)
COUNTING = one_of("once", "log")
BATCHES = one_of(32, 64, 128, 256)

FACTORS = {
    "als": Space(
        module="matrices",
        usual={"factors": 100, "regularization": 0.01, "alpha": 1.0, "iterations": 15, "counting": "once"},
        draws={
            "factors": WIDTHS,
            "regularization": between(1e-3, 30),
            "alpha": between(0.3, 50),
            "iterations": count(5, 40),
            "counting": COUNTING,
        },
    ),
    "bpr": Space(
        module="matrices",
        usual={"factors": 100, "rate": 0.01, "regularization": 0.01, "iterations": 100},
        draws={
            "factors": WIDTHS,
            "rate": between(3e-3, 0.3),
            "regularization": between(1e-4, 0.3),
            "iterations": count(30, 500),
        },
    ),
    "ease": Space(
        module="matrices",
        usual={"l2": 500.0, "counting": "once"},
        draws={"l2": between(1, 5000), "counting": COUNTING},
    ),
}

NETWORKS = {
    "sasrec": Space(
        module="sasrec",
        usual={"width": 64, "heads": 1, "length": 50, "dropout": 0.2, "rate": 1e-3, "decay": 0.01, "batch": 128},
        draws={
            "width": one_of(64, 128),
            "heads": one_of(1, 2),
            "length": one_of(50, 100),
            "dropout": DROPOUTS,
            "rate": between(3e-4, 5e-3),
            "decay": between(1e-3, 1),
            "batch": BATCHES,
        },
    )
}

OTHER_LIBRARIES = {
    "lenskit-itemknn": Space(
        module="lenskit_models",
        usual={"max_nbrs": 20, "min_sim": 1e-6, "save_nbrs": 1000},
        draws={"max_nbrs": count(5, 500), "min_sim": between(1e-6, 0.2), "save_nbrs": count(10, 1000)},
        foreign=True,
    ),
    "lenskit-als": Space(
        module="lenskit_models",
        usual={"embedding_size": 50, "epochs": 10, "regularization": 0.1, "weight": 40.0},
        draws={
            "embedding_size": WIDTHS,
            "epochs": count(5, 40),
            "regularization": between(1e-3, 30),
            "weight": between(0.3, 100),
        },
        foreign=True,
    ),
    "rectools-ease": Space(
        module="rectools_models",
        usual={"regularization": 500.0},
        draws={"regularization": between(1, 5000)},
        foreign=True,
    ),
    "rectools-sasrec": Space(
        module="rectools_models",
        usual={"n_factors": 256, "n_heads": 4, "session_max_len": 100, "dropout_rate": 0.2, "lr": 1e-3}
        | {"epochs": 3, "batch_size": 128, "layers": "SASRec"},
        draws={
            "n_factors": one_of(64, 128, 256),
            "n_heads": one_of(1, 2, 4),
            "session_max_len": one_of(50, 100),
            "dropout_rate": DROPOUTS,
            "lr": between(3e-4, 5e-3),
            "epochs": count(3, 60),
            "batch_size": BATCHES,
            "layers": one_of("SASRec", "LiGR"),
        },
        foreign=True,
    ),
}
"""Under their names of the settings; what is not named is their default."""


def spaces(target: Literal["all", "new"]) -> dict[str, Space]:
    """Name → space of every peer; where anything may be recommended, neighbours may count an item as its own."""
    own = one_of("left out", "kept") if target == "all" else one_of("left out")
    neighbours = Space(
        module="matrices",
        usual={"neighbours": 100, "shrinkage": 0.0, "weighting": "none", "counting": "once", "own": "left out"},
        draws={
            "neighbours": count(5, 1000),
            "shrinkage": between(0.1, 1000),
            "weighting": one_of("none", "tf-idf", "bm25"),
            "counting": COUNTING,
            "own": own,
        },
    )
    return {"itemknn": neighbours, **FACTORS, **NETWORKS, **OTHER_LIBRARIES}
