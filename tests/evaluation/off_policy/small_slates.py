"""Small random slates, and the same as plain lists for estimators written a second time."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from recsys.evaluation.off_policy.estimators.slates import Fitted, Marginals, Slates


class Row(NamedTuple):
    reward: float
    logged: float
    target: float
    predicted: float
    marginal_logged: float
    marginal_target: float


class Request(NamedTuple):
    rows: list[Row]
    value: float
    pseudo: float


def as_lists(slates: Slates) -> list[Request]:
    """Every request by itself; for slates that have all parts."""
    model, marginal = slates.model, slates.marginal
    columns = (slates.reward, slates.logged, slates.target, model.predicted, marginal.logged, marginal.target)
    rows = [Row(*map(float, row)) for row in zip(*columns, strict=True)]
    bounds = slates.indptr.tolist()
    return [
        Request(rows[bounds[i] : bounds[i + 1]], float(model.value[i]), float(slates.pseudo[i]))
        for i in range(len(bounds) - 1)
    ]


def weight_of(rows: list[Row]) -> float:
    """The product of target / logged."""
    weight = 1.0
    for row in rows:
        weight = weight * row.target / row.logged
    return weight


def slates_of(lists: list[list[tuple[float, float, float]]], **parts) -> Slates:
    """(reward, logged, target) rows of each request; every request is another user's unless told."""
    rows = np.array([row for each in lists for row in each], np.float64).reshape(-1, 3)
    users = parts.pop("user_idx", np.arange(len(lists), dtype=np.int32))
    indptr = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    reward, logged, target = (np.ascontiguousarray(column) for column in rows.T)
    return Slates(user_idx=users, indptr=indptr, reward=reward, logged=logged, target=target, **parts)


def fitted(predicted, value) -> Fitted:
    predicted = np.array(predicted, np.float64)
    return Fitted(predicted=predicted, value=np.array(value, np.float64))


@st.composite
def slates(draw) -> Slates:
    """1 to 6 requests of 0 to 4 rows, with all parts; rewards and target probabilities are often 0."""
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = len(lengths), sum(lengths)

    def propensity():
        return 1 - rng.uniform(0, 0.95, m)

    def probability():
        return rng.uniform(0, 1, m) * rng.integers(0, 4, m).clip(0, 1)

    return Slates(
        user_idx=rng.integers(0, 3, n).astype(np.int32),
        indptr=np.cumsum([0, *lengths]).astype(np.int64),
        reward=rng.uniform(0, 10, m) * rng.integers(0, 2, m),
        logged=propensity(),
        target=probability(),
        model=Fitted(predicted=rng.normal(0, 3, m), value=rng.normal(0, 3, n)),
        marginal=Marginals(logged=propensity(), target=probability()),
        pseudo=rng.normal(0, 3, n),
    )
