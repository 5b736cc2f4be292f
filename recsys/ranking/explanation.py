"""Why an item stands where it stands, for one user, in figures and in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.interactions import Histories
from recsys.ranking.feature_list import features
from recsys.ranking.links import Links
from recsys.ranking.ranker import Ranker
from recsys.ranking.reasons import DID, GROUPS, Group, came_up, newcomer, plain, sentence
from recsys.ranking.snapshot import Snapshot
from recsys.retrieval.candidates import SOURCES, Candidates
from recsys.schema import EVENTS, DoubleArray, Instant, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What speaks for an item.

    Attributes:
        group: of features.
        text: a sentence for people.
        contribution: what the group adds to the score, above 0.
        share: of all that speaks for the item, in (0, 1].
    """

    group: Group
    text: str
    contribution: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one item has its score.

    Attributes:
        base: the score before any feature speaks.
        contributions: feature → what it adds (of trees, exact Shapley values: Lundberg et al. 2018; of a linear ranker,
            weight times value); with the base they sum to the score.
        groups: every group → what its features add, likewise.
        reasons: the groups that speak for the item, strongest first; the first one's text says which source brought it.
        because: item_idx of the history's item that stands for it, by the strongest reason that has one; None where
            no reason has.
    """

    base: float
    contributions: Mapping[str, float]
    groups: Mapping[Group, float]
    reasons: tuple[Reason, ...]
    because: int | None


def explain(
    snapshot: Snapshot, ranker: Ranker, histories: Histories, candidates: Candidates, *, as_of: Instant
) -> tuple[Explanation, ...]:
    """Why each of one user's candidates has its score, in their order.

    Args:
        snapshot: what the candidates were scored by.
        ranker: gives the score.
        histories: one row, the user's events before `as_of`.
        candidates: of that user.
        as_of: the instant of the request.
    """
    table = snapshot.features(histories, candidates, as_of=as_of).select(ranker.features)
    each = ranker.contributions(table)
    about = {feature.name: feature.group for feature in features(snapshot.vectors.traits)}
    sums = grouped(each, [about[name] for name in ranker.features])
    words = _Words.of(snapshot, histories.positives(), candidates, as_of=as_of)
    return tuple(
        Explanation(
            base=row[-1],
            contributions=dict(zip(ranker.features, row[:-1], strict=True)),
            groups=groups,
            reasons=tuple(words.reasons(place, groups)),
            because=words.because(place, groups),
        )
        for place, (row, groups) in enumerate(zip(each.tolist(), sums, strict=True))
    )


def grouped(contributions: DoubleArray, about: Sequence[Group]) -> list[dict[Group, float]]:
    """Group → the sum of its features, for each of m items.

    Args:
        contributions: float64 (m, F + 1), the base last.
        about: the groups of the F features.
    """
    sums = {group: np.zeros(len(contributions)) for group in GROUPS}
    for column, group in zip(contributions.T, about, strict=False):  # one after the other: no row's sum sees the others
        sums[group] += column
    return [dict(zip(sums, row, strict=True)) for row in zip(*(each.tolist() for each in sums.values()), strict=True)]


def speaking(groups: Mapping[Group, float]) -> list[Group]:
    """The groups that add to the score, strongest first."""
    return sorted((group for group in GROUPS if groups[group] > 0), key=lambda group: -groups[group])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What the sentences about one user's m candidates name.

    Attributes:
        items: the catalogue's table.
        did: item_idx of the history → what the user did with it.
        links: group → int32 (m,), the history's item that stands for each candidate, -1 where none does.
        brought: (m,), the source that puts the candidate highest among those that propose it; None if none does.
    """

    items: pl.DataFrame
    did: Mapping[int, str]
    links: Mapping[Group, IntArray]
    brought: Sequence[str | None]

    @classmethod
    def of(cls, snapshot: Snapshot, taken: Histories, candidates: Candidates, *, as_of: Instant) -> "_Words":
        links = Links.of(
            taken,
            candidates.item_idx,
            behaviour=snapshot.retriever.behaviour,
            vectors=snapshot.vectors.vectors,
            words=snapshot.retriever.lexicon.matrix,
            as_of=as_of,
        )
        return cls(
            items=snapshot.catalog.items,
            did=_did(taken),
            links=links.by_group(),
            brought=_brought(candidates),
        )

    def reasons(self, place: int, groups: Mapping[Group, float]) -> Iterator[Reason]:
        """Of the candidate at a place."""
        chosen = speaking(groups)
        total = sum(groups[group] for group in chosen)
        for number, group in enumerate(chosen):
            source = None if number else self.brought[place]
            text = self._text(place, group) if source is None else f"{self._text(place, group)} {came_up(source)}"
            yield Reason(group=group, text=text, contribution=groups[group], share=groups[group] / total)

    def because(self, place: int, groups: Mapping[Group, float]) -> int | None:
        """Of the candidate at a place."""
        linked = (self._link(place, group) for group in speaking(groups))
        return next((item for item in linked if item is not None), None)

    def _link(self, place: int, group: Group) -> int | None:
        item = int(self.links[group][place]) if group in self.links else -1
        return None if item < 0 else item

    def _text(self, place: int, group: Group) -> str:
        item = self._link(place, group)
        if item is None:
            return plain(group) if self.did else newcomer(group)
        name: str = self.items["title"][item] or self.items["item_id"][item]
        return sentence(group, did=self.did[item], title=name)


def _did(taken: Histories) -> dict[int, str]:
    """Item → what the user did with it: the heaviest event, of equal ones the last."""
    order = np.lexsort((taken.at, taken.weight))
    return {
        int(item): DID[EVENTS[event]] for item, event in zip(taken.item_idx[order], taken.event[order], strict=True)
    }


def _brought(candidates: Candidates) -> list[str | None]:
    """(m,): the proposing source with the fewest items before the candidate, of equal ones the first of `SOURCES`."""
    never = np.iinfo(np.int64).max
    proposed = (candidates.sources[:, None] >> np.arange(len(SOURCES)) & 1) > 0
    places = np.where(proposed, candidates.places(), never)
    best = places.argmin(axis=1)
    return [
        None if place == never else SOURCES[source]
        for source, place in zip(best.tolist(), places.min(axis=1).tolist(), strict=True)
    ]
