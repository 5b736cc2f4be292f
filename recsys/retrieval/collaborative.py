"""Models of who took what: item-item, peers, EASE, implicit ALS, popularity; all as of an instant."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from recsys.data.contacts import contacts
from recsys.data.interactions import Histories, Interactions
from recsys.data.storage import mapped
from recsys.errors import ArtifactError
from recsys.retrieval import als as als_model
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.ease import Ease
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.neighbours import ItemItem, cosine, near
from recsys.retrieval.peers import Peers
from recsys.retrieval.products import products
from recsys.retrieval.reading import Reading
from recsys.retrieval.sparse_rows import Weights
from recsys.retrieval.taken import decayed, distinct
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
        covered: the items with ALS factors, where that are not all; made if None, not saved.
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
    covered: als_model.Covered | None = None
    _popular: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        # worked out once: every answer asks
        if self.covered is None:
            object.__setattr__(self, "covered", als_model.Covered.of(self.als, self.config))
        # all popularity fades alike: left as it was, it keeps its order where an old log is served by today's clock
        object.__setattr__(self, "_popular", np.log1p(self.popularity).astype(np.float32))

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
        als = als_model.factors(taken, config, seed, threads)
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
            als_gram=als_model.gram(als, config),
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

    def moved(self, before: Histories, after: Histories) -> "Behaviour":
        """With the popularity that items have by now; nothing else is fitted anew.

        Args:
            before: some users' events that popularity knows already.
            after: all of their events by now.
        """
        per_item = self.popularity.copy()
        for sign, part in ((-1, before), (1, after)):
            taken = part.positives()
            age = (
                self.as_of - taken.at
            ) / self.day  # below 0 since: popularity stands at as_of, later events weigh more
            weight = sign * taken.weight * np.exp2(-age / self.config.popularity_half_life)
            per_item += np.bincount(taken.item_idx, weight, minlength=self.n_items)
        return replace(self, popularity=np.maximum(per_item, 0))

    def without(self, items: IntArray) -> "Behaviour":
        """As if nobody had met some items: nothing is said of them, but they still speak for others in a history."""
        return replace(self, silent=items)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.popularity)

    def scores(
        self, histories: Histories, *, as_of: Instant, read: Reading | None = None, out: FloatArray | None = None
    ) -> dict[str, FloatArray]:
        """Scores of all items for each user, by name of `NAMES`; a user's do not depend on the other users.

        Args:
            histories: events before `as_of`.
            as_of: the instant ages are measured at, not before `self.as_of`.
            read: the histories as `read` gives them, where they were read already.
            out: zeros, float32 (len(NAMES), n, n_items), that the scores are put into; made if None.

        Returns:
            float32 (n, n_items) each; 0 where a model knows nothing.
        """
        asked = self.read(histories, as_of=as_of) if read is None else read
        if out is None:
            out = np.zeros((len(NAMES), len(histories), self.n_items), np.float32)
        of = dict(zip(NAMES, out, strict=True))
        self.together.scores(asked.recent, of["cosine"])
        self.together_fresh.scores(asked.recent, of["cosine_fresh"])
        self.together.scores(asked.basket, of["basket"])
        self.together.scores(asked.disliked, of["disliked"])
        self.beside.scores(asked.latest, of["near"])
        self.peers.scores(asked.taken, self.config.peers, of["peers"])
        self.ease.scores(asked.taken, of["ease"])
        self.ease.scores(asked.recent, of["ease_recent"])
        self.ease_fresh.scores(asked.recent, of["ease_fresh"])
        self._by_als(asked.taken, of["als"])
        of["popular"][:] = self._popular
        if len(self.silent):
            out[:, :, self.silent] = 0
        return of

    def read(self, histories: Histories, *, as_of: Instant) -> Reading:
        """Histories as the models take them."""
        return Reading.of(histories, self.n_items, as_of=as_of, day=self.day, config=self.config)

    def recent(self, histories: Histories, *, as_of: Instant) -> csr_array:
        """float32 CSR (n, n_items): decayed weights of what each user took."""
        return decayed(histories, self.n_items, as_of=as_of, half_life=self.day * self.config.history_half_life)

    def _by_als(self, taken: Weights, out: FloatArray) -> None:
        """Fold in: x = (YᵀY + λI + (α - 1) YᵤᵀYᵤ)⁻¹ α Yᵤᵀ1, one user after the other.

        In double precision, so that the number of threads BLAS takes does not show in the scores.
        """
        als, alpha = np.asarray(self.als), self.config.als_alpha
        known, width = np.flatnonzero(np.diff(taken.indptr)), als.shape[1]
        left, right = np.empty((len(known), width, width)), np.empty((len(known), width, 1))
        factors, bounds = als[taken.indices].astype(np.float64), taken.indptr.tolist()
        for place, row in enumerate(known.tolist()):
            own = factors[bounds[row] : bounds[row + 1]]
            np.matmul(own.T, own, out=left[place])
            own.sum(axis=0, out=right[place, :, 0])
        left *= alpha - 1
        left += self.als_gram
        right *= alpha
        users = np.zeros((taken.shape[0], width), np.float32)
        users[known] = np.linalg.solve(left, right)[:, :, 0]
        if self.covered is None:
            products(als, users, out)
            return
        for row in known.tolist():
            self.covered.put(users[row], out[row])

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
