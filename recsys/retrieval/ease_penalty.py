"""How strongly EASE is held back, as the log asks for.

Where people share habits, a weak penalty lets a few joint takers say much; where takes are many and noisy, it repeats
their noise. What is best differs from log to log by a factor of thousands.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from recsys.data.contacts import contacts
from recsys.data.interactions import Histories, Interactions
from recsys.data.split import nearest
from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.ease import Ease
from recsys.retrieval.taken import decayed, distinct
from recsys.retrieval.tops import highest
from recsys.schema import BoolArray, FloatArray, Instant, LongArray

LADDER = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0, 30000.0, 100000.0)
"""The penalties there are; one step after the other is taken, down or up, as long as it does good."""

USUAL = 100.0
"""Where the steps begin, and end where too few users judge."""

_LEAST, _MOST = 50, 2000
"""Users who judge."""
_LATEST = 0.1
"""The share of the positives that is to be foreseen."""
_ITEMS = 3000
"""So many of the most taken items are looked at: time grows with the cube."""
_TOP = 20
_FILE = "ease.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A penalty that was tried.

    Attributes:
        l2: what is added to the diagonal of the item-item counts.
        ndcg: nDCG@20 of what users took for the first time next, by EASE alone.
    """

    l2: float
    ndcg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """The one that is used.

    Attributes:
        l2: what is added to the diagonal of the item-item counts.
        trials: how it was found, the weakest first; nothing where it was given, or where too few users could judge.
    """

    l2: float
    trials: tuple[Trial, ...] = ()

    @classmethod
    def found(cls, judged: Callable[[float], float]) -> "Penalty":
        """Go down the ladder, and up, as long as what is judged grows."""
        start = LADDER.index(USUAL)
        tried = {start: judged(LADDER[start])}
        for step in (-1, 1):
            at = start
            while at + step in range(len(LADDER)) and tried[at] == max(tried.values()):
                at += step
                tried[at] = judged(LADDER[at])
        trials = tuple(Trial(l2=LADDER[at], ndcg=tried[at]) for at in sorted(tried))
        return cls(l2=max(trials, key=lambda trial: trial.ndcg).l2, trials=trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalties:
    """Of both models.

    Attributes:
        plain: of EASE.
        fresh: of fresh EASE.
    """

    plain: Penalty
    fresh: Penalty

    @classmethod
    def of(cls, interactions: Interactions, *, before: Instant, config: BehaviourConfig) -> "Penalties":
        """Those of the settings; one that is not set is what foresees the latest of the events before an instant best.

        Args:
            interactions: the log; later events are not looked at.
            before: the instant.
            config: settings of the models.
        """
        given, given_fresh = config.ease_l2, config.ease_fresh_l2
        if given is not None and given_fresh is not None:
            return cls(plain=Penalty(l2=given), fresh=Penalty(l2=given_fresh))
        latest, n, day = _Latest.of(interactions, before), interactions.n_items, interactions.day
        fresh, recent = (
            decayed(part, n, as_of=latest.start, half_life=day * days)
            for part, days in ((latest.known, config.fresh_half_life), (latest.asked, config.history_half_life))
        )
        return cls(
            plain=latest.penalty(distinct(latest.known, n), distinct(latest.asked, n), given),
            fresh=latest.penalty(fresh, recent, given_fresh),
        )

    def within(self, config: BehaviourConfig) -> BehaviourConfig:
        """Settings that name them."""
        return config.model_copy(update={"ease_l2": self.plain.l2, "ease_fresh_l2": self.fresh.l2})

    def save(self, directory: Path) -> None:
        """Write ease.json into an existing directory."""
        write_json(directory / _FILE, asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "Penalties":
        """Read what `save` wrote.

        Raises:
            ArtifactError: no such file, or of another form.
        """
        told = read_json(directory / _FILE)
        try:
            plain, fresh = (
                Penalty(l2=told[name]["l2"], trials=tuple(Trial(**trial) for trial in told[name]["trials"]))
                for name in ("plain", "fresh")
            )
        except (KeyError, TypeError) as error:
            raise ArtifactError(
                f"Expected EASE's penalties in {directory / _FILE}, could not read them ({error!r}); embed again."
            ) from error
        return cls(plain=plain, fresh=fresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Latest:
    """The latest events before an instant, and what was known when they began.

    Attributes:
        start: when they began.
        known: what everybody had taken.
        asked: what n judges had taken.
        items: int64 (e,), the most taken, ascending.
        met: bool (n, e), what the judges had met.
        wanted: bool (n, e), what they took for the first time since; at least one item each.
    """

    start: Instant
    known: Histories
    asked: Histories
    items: LongArray
    met: BoolArray
    wanted: BoolArray

    @classmethod
    def of(cls, interactions: Interactions, before: Instant) -> "_Latest":
        at = interactions.before(before).positives().events["at"].to_numpy()
        start = nearest(at, 1 - _LATEST) if len(at) else before
        past, since = interactions.before(start), interactions.between(start, before).positives()
        known = interactions.histories(past.user_indices(), as_of=start).positives()
        takers = np.bincount(known.item_idx, minlength=interactions.n_items)
        items = np.sort(np.argsort(-takers, kind="stable")[:_ITEMS])
        users = np.random.default_rng(0).permutation(np.intersect1d(past.user_indices(), since.user_indices()))[:_MOST]
        histories = interactions.histories(users, as_of=start)

        def has(part: Histories) -> BoolArray:
            return np.asarray(distinct(part, interactions.n_items)[:, items].toarray() > 0)

        met = has(contacts(histories))
        wanted = has(since.histories(users, as_of=before)) & ~met
        judges = np.flatnonzero(wanted.any(axis=1))
        return cls(
            start=start,
            known=known,
            asked=histories.take(judges).positives(),
            items=items,
            met=met[judges],
            wanted=wanted[judges],
        )

    def penalty(self, known: csr_array, asked: csr_array, given: float | None) -> Penalty:
        """The given one, or the best for EASE fitted on `known`, float32 CSR (n_users, n_items), of `asked` (n, …)."""
        if given is not None or len(self.wanted) < _LEAST:
            return Penalty(l2=given or USUAL)
        known, asked = csr_array(known[:, self.items]), csr_array(asked[:, self.items])
        return Penalty.found(lambda l2: self._ndcg(Ease.of(known, l2=l2, max_items=len(self.items)).scores(asked)))

    def _ndcg(self, scores: FloatArray) -> float:
        scores[self.met] = 0
        discount = 1 / np.log2(np.arange(2, _TOP + 2))
        tops = [highest(row, _TOP) for row in scores]
        gained = [discount[: len(top)] @ wanted[top] for top, wanted in zip(tops, self.wanted, strict=True)]
        ideal = np.cumsum(discount)[np.minimum(self.wanted.sum(axis=1), _TOP) - 1]
        return float(np.mean(gained / ideal))
