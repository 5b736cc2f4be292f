"""Models of who took what: item-item, peers, EASE, implicit ALS, popularity; all as of an instant."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from recsys.data.contacts import contacts
from recsys.data.interactions import Histories, Interactions
from recsys.data.storage import mapped
from recsys.errors import ArtifactError
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.ease import Ease
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.neighbours import ItemItem, cosine, near
from recsys.retrieval.peers import Peers
from recsys.retrieval.taken import decayed, distinct, weighted
from recsys.schema import DoubleArray, FloatArray, Instant, IntArray

NAMES = (
    "cosine", "cosine_fresh", "basket", "disliked", "near", "peers",
    "ease", "ease_recent", "ease_fresh", "als", "popular",
)  # fmt: skip
"""The scores of `Behaviour.scores`, in order."""

_ARRAYS = ("als", "als_gram", "popularity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Everything learned from behaviour as of an instant; users are folded in from their histories.

    Attributes:
        as_of: the instant it was fitted at; only events before it were used.
        day: µs that count as a day of age.
        config: the settings.
        together: cosine of items over users.
        together_fresh: the same, old events counting less.
        beside: items met close to each other.
        peers: users by what they took.
        ease: weights between items, all events alike.
        ease_fresh: the same, old events counting less.
        als: float32 (n_items, f), item factors.
        als_gram: float64 (f, f), YᵀY + λI of them.
        popularity: float64 (n_items,), decayed positives at `as_of`.
        silent: int32, items of which nothing is said, whatever was learned (`without`); not saved.
    """

    as_of: Instant
    day: Instant
    config: BehaviourConfig
    together: ItemItem
    together_fresh: ItemItem
    beside: ItemItem
    peers: Peers
    ease: Ease
    ease_fresh: Ease
    als: FloatArray
    als_gram: DoubleArray
    popularity: DoubleArray
    silent: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))

    @classmethod
    def fit(
        cls, interactions: Interactions, *, as_of: Instant, config: BehaviourConfig, seed: int = 0, threads: int = 1
    ) -> "Behaviour":
        """Fit on the events known at `as_of`; later ones are not looked at."""
        n_items, day = interactions.n_items, interactions.day
        histories = interactions.histories(interactions.before(as_of).user_indices(), as_of=as_of)
        positives = histories.positives()
        taken = distinct(positives, n_items)
        age = (as_of - positives.at) / day
        popularity = positives.weight * np.exp2(-age / config.popularity_half_life)
        fresh = decayed(positives, n_items, as_of=as_of, half_life=day * config.fresh_half_life)
        penalties = Penalties.of(interactions, before=as_of, config=config)
        als = _als(taken, config, seed, threads)
        return cls(
            as_of=as_of,
            day=day,
            config=config,
            together=cosine(taken, config.neighbours),
            together_fresh=cosine(fresh, config.neighbours),
            beside=near(contacts(histories), n_items, config),
            peers=Peers.of(taken),
            ease=Ease.of(taken, l2=penalties.plain.l2, max_items=config.ease_max_items),
            ease_fresh=Ease.of(fresh, l2=penalties.fresh.l2, max_items=config.ease_max_items),
            als=als,
            als_gram=_gram(als, config),
            popularity=np.bincount(positives.item_idx, popularity, minlength=n_items).astype(np.float64),
        )

    def grown(self, n_items: int) -> "Behaviour":
        """With further items at the end, of which behaviour says nothing."""
        more = n_items - self.n_items
        return replace(
            self,
            together=self.together.grown(n_items),
            together_fresh=self.together_fresh.grown(n_items),
            beside=self.beside.grown(n_items),
            peers=self.peers.grown(n_items),
            als=np.pad(self.als, ((0, more), (0, 0))),
            popularity=np.pad(self.popularity, (0, more)),
        )

    def without(self, items: IntArray) -> "Behaviour":
        """As if nobody had met some items: nothing is said of them, but they still speak for others in a history."""
        return replace(self, silent=items)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.popularity)

    def scores(self, histories: Histories, *, as_of: Instant) -> dict[str, FloatArray]:
        """Scores of all items for each user, by name of `NAMES`; a user's do not depend on the other users.

        Args:
            histories: events before `as_of`.
            as_of: the instant ages are measured at, not before `self.as_of`.

        Returns:
            float32 (n, n_items) each; 0 where a model knows nothing.
        """
        positives = histories.positives()
        recent = self.recent(positives, as_of=as_of)
        taken = distinct(positives, self.n_items)
        # all popularity fades alike: left as it was, it keeps its order where an old log is served by today's clock
        popular = np.log1p(self.popularity).astype(np.float32)
        met = contacts(histories)
        scores = {
            "cosine": self.together.scores(recent),
            "cosine_fresh": self.together_fresh.scores(recent),
            "basket": self.together.scores(self._last_basket(positives)),
            "disliked": self.together.scores(self._ones(met.where(met.weight == 0))),
            "near": self.beside.scores(self._latest(met)),
            "peers": self.peers.scores(taken, self.config.peers),
            "ease": self.ease.scores(taken),
            "ease_recent": self.ease.scores(recent),
            "ease_fresh": self.ease_fresh.scores(recent),
            "als": self._by_als(taken),
            "popular": np.tile(popular, (len(histories), 1)),
        }
        if len(self.silent):
            for of_all in scores.values():
                of_all[:, self.silent] = 0
        return scores

    def recent(self, histories: Histories, *, as_of: Instant) -> csr_array:
        """float32 CSR (n, n_items): decayed weights of what each user took."""
        return decayed(histories, self.n_items, as_of=as_of, half_life=self.day * self.config.history_half_life)

    def _last_basket(self, positives: Histories) -> csr_array:
        """1 for each item taken within half a day of the user's last."""
        ends = positives.at[positives.indptr[1:][positives.rows] - 1]
        basket = positives.where(positives.at >= ends - self.day // 2)
        return self._ones(basket)

    def _ones(self, histories: Histories) -> csr_array:
        """1 for each item of the histories, once an event."""
        return weighted(histories, np.ones(len(histories.item_idx)), self.n_items)

    def _latest(self, met: Histories) -> csr_array:
        """The last events of each user, each further back counting less."""
        last = met.last(self.config.near_history)
        back = last.indptr[1:][last.rows] - 1 - np.arange(len(last.item_idx))
        return weighted(last, np.asarray(self.config.near_decay**back, np.float64), self.n_items)

    def _by_als(self, taken: csr_array) -> FloatArray:
        """Fold in: x = (YᵀY + λI + (α - 1) YᵤᵀYᵤ)⁻¹ α Yᵤᵀ1, one user after the other.

        In double precision, so that the number of threads BLAS takes does not show in the scores.
        """
        alpha, scores = self.config.als_alpha, np.zeros(taken.shape, np.float32)
        for row in np.flatnonzero(np.diff(taken.indptr)):
            own = self.als[taken.indices[taken.indptr[row] : taken.indptr[row + 1]]].astype(np.float64)
            user = np.linalg.solve(self.als_gram + (alpha - 1) * (own.T @ own), alpha * own.sum(axis=0))
            np.einsum("if,f->i", self.als, user.astype(np.float32), out=scores[row])
        return scores

    def save(self, directory: Path) -> None:
        """Write behaviour.json and npy files into an existing directory."""
        self.together.save(directory, "together")
        self.together_fresh.save(directory, "together-fresh")
        self.ease.save(directory, "ease")
        self.ease_fresh.save(directory, "ease-fresh")
        self.beside.save(directory, "beside")
        self.peers.save(directory)
        for name in _ARRAYS:
            np.save(directory / f"{name}.npy", getattr(self, name), allow_pickle=False)
        facts = {"as_of": self.as_of, "day": self.day, "config": self.config.model_dump()}
        (directory / "behaviour.json").write_text(json.dumps(facts, indent=1, sort_keys=True))

    @classmethod
    def load(cls, directory: Path) -> "Behaviour":
        """Read what `save` wrote; the EASE weights stay on disk and are mapped into memory.

        Raises:
            ArtifactError: parts that do not fit each other.
        """
        facts = json.loads((directory / "behaviour.json").read_text())
        als, als_gram, popularity = (mapped(directory / f"{name}.npy") for name in _ARRAYS)
        n_items = len(popularity)
        if len(als) != n_items:
            raise ArtifactError(
                f"Expected ALS factors of {n_items} items in {directory}, got {len(als)}; fit them again."
            )
        return cls(
            as_of=facts["as_of"],
            day=facts["day"],
            config=BehaviourConfig.model_validate(facts["config"]),
            together=ItemItem.load(directory, "together", n_items),
            together_fresh=ItemItem.load(directory, "together-fresh", n_items),
            beside=ItemItem.load(directory, "beside", n_items),
            peers=Peers.load(directory, n_items),
            ease=Ease.load(directory, "ease", n_items),
            ease_fresh=Ease.load(directory, "ease-fresh", n_items),
            als=als,
            als_gram=als_gram,
            popularity=popularity,
        )


def _als(taken: csr_array, config: BehaviourConfig, seed: int, threads: int) -> FloatArray:
    """Item factors of implicit ALS (Hu, Koren, Volinsky 2008); items nobody took get a zero row."""
    if not taken.nnz:
        return np.zeros((taken.shape[1], config.als_factors), np.float32)
    with threadpool_limits(1, "blas"):  # its threads and those of BLAS would wait for each other
        model = AlternatingLeastSquares(
            factors=config.als_factors,
            regularization=config.als_regularization,
            alpha=config.als_alpha,
            iterations=config.als_iterations,
            random_state=seed,
            num_threads=threads,
        )
        model.fit(csr_matrix(taken), show_progress=False)
    factors = np.array(model.item_factors, np.float32)
    factors[np.asarray(taken.sum(axis=0)).ravel() == 0] = 0
    return factors


def _gram(als: FloatArray, config: BehaviourConfig) -> DoubleArray:
    double = als.astype(np.float64)
    return np.asarray(double.T @ double + config.als_regularization * np.eye(als.shape[1]), np.float64)
