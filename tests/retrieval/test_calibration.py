"""Scores to probabilities."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize

from recsys.errors import ShapeError
from recsys.retrieval.calibration import KNOTS, Isotonic, Platt, fit, from_json, to_json

CURVES = [
    Platt(slope=3.0, intercept=0.5),
    Isotonic(scores=(-0.25, 0.0, 0.5), values=(0.1, 0.2, 0.9)),
    Isotonic(scores=(0.3,), values=(0.5,)),
]


def world(rng, curve, n=200_000):
    """Scores of pairs taken and of pairs not taken, where a share curve(score) is taken, and that share in all."""
    x = rng.normal(size=n)
    taken = rng.random(n) < curve(x)
    return x[taken].astype(np.float32), x[~taken].astype(np.float32), taken.mean()


def test_platt_recovers_a_known_curve():
    taken, others, share = world(np.random.default_rng(0), lambda x: 1 / (1 + np.exp(-(3 * x + 0.5))))
    found = fit("platt", taken, others)
    assert found.slope == pytest.approx(3, abs=0.05)
    assert found.intercept == pytest.approx(0.5 - np.log(share / (1 - share)), abs=0.05)


def test_platt_is_the_minimum_of_the_balanced_cross_entropy():
    rng = np.random.default_rng(1)
    taken, others = rng.normal(1, 1, 30), rng.normal(0, 2, 400)

    def loss(beta):
        return np.logaddexp(0, -(beta[0] * taken + beta[1])).mean() + np.logaddexp(0, beta[0] * others + beta[1]).mean()

    found = fit("platt", taken, others)
    assert [found.slope, found.intercept] == pytest.approx(minimize(loss, np.zeros(2)).x, abs=1e-3)


def test_separable_and_reversed_scores_stay_finite_and_rising():
    assert fit("platt", np.ones(3), np.zeros(3)).slope < np.inf
    assert fit("platt", np.zeros(3), np.ones(3)).slope > 0


def test_isotonic_recovers_a_curve_that_is_not_logistic():
    def staircase(x):
        return np.interp(x, [-1, -0.5, 0.5, 1], [0.05, 0.5, 0.5, 0.95])

    taken, others, share = world(np.random.default_rng(2), staircase)
    x = np.linspace(-1.5, 1.5, 31)
    p = staircase(x)
    even = p / share / (p / share + (1 - p) / (1 - share))
    found = fit("isotonic", taken, others)
    assert len(found.scores) <= KNOTS
    assert found.probability(x.astype(np.float32)) == pytest.approx(even, abs=0.03)
    assert np.abs(fit("platt", taken, others).probability(x.astype(np.float32)) - even).max() > 0.06


def test_isotonic_by_hand():
    # two bins of equal weight; each taken pair weighs 1/32, each other one too; one pair of each kind is added
    taken, others = np.repeat([1.0, 2.0], [4, 12]), np.repeat([1.0, 2.0], [12, 4])
    found = fit("isotonic", taken, others)
    assert found.scores == pytest.approx((1.0, 2.0))
    assert found.values == pytest.approx(((4 + 0.5) / (16 + 1), (12 + 0.5) / (16 + 1)))


def test_scores_against_the_truth_are_level():
    found = fit("isotonic", np.repeat([1.0, 2.0], [12, 4]), np.repeat([1.0, 2.0], [4, 12]))
    assert found.scores == pytest.approx((1.5,))
    assert found.values == pytest.approx((0.5,))


@pytest.mark.parametrize("curve", CURVES)
def test_probability_is_elementwise_float32_and_never_falls(curve):
    scores = np.random.default_rng(3).normal(size=5001).astype(np.float32)
    together = curve.probability(scores)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([curve.probability(scores[i : i + 1]) for i in range(5001)]))
    assert np.array_equal(together.reshape(3, -1), curve.probability(scores.reshape(3, -1)))
    assert (np.diff(curve.probability(np.sort(scores))) >= 0).all()
    assert ((together >= 0) & (together <= 1)).all()


def test_isotonic_between_and_beyond_its_knots():
    curve = CURVES[1]
    assert curve.probability(np.array([-9, -0.25, 0.25, 0.5, 9], np.float32)) == pytest.approx(
        [0.1, 0.1, (0.2 + 0.9) / 2, 0.9, 0.9]
    )


def test_the_nearest_logistic_curve():
    assert CURVES[0].logistic == CURVES[0]
    x = np.linspace(-1, 1, 9)
    exact = Isotonic(scores=tuple(x), values=tuple(1 / (1 + np.exp(-(2 * x - 1)))))
    assert exact.logistic.slope == pytest.approx(2)
    assert exact.logistic.intercept == pytest.approx(-1)
    assert CURVES[2].logistic.probability(np.zeros(1, np.float32)) == pytest.approx([0.5])


@pytest.mark.parametrize("curve", CURVES)
def test_json_and_back(curve):
    assert from_json(json.loads(json.dumps(to_json(curve)))) == curve


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Platt(slope=0.0, intercept=1.0), r"Platt: expected a finite slope above 0 .* got 0.0, 1.0"),
        (lambda: Platt(slope=np.inf, intercept=1.0), "got inf"),
        (lambda: Isotonic(scores=(), values=()), "expected ascending scores"),
        (lambda: Isotonic(scores=(0.0, 1.0), values=(0.2,)), "each with a value"),
        (lambda: Isotonic(scores=(1.0, 0.0), values=(0.2, 0.3)), "expected ascending scores"),
        (lambda: Isotonic(scores=(0.0, 1.0), values=(0.3, 0.3)), "ascending, got scores"),
        (lambda: Isotonic(scores=(0.0, 1.0), values=(0.3, 1.0)), "between 0 and 1"),
        (lambda: fit("platt", np.zeros(0), np.ones(3)), r"got 0 and 3; bring a longer log or raise finetune.valid"),
        (lambda: fit("isotonic", np.ones(2), np.array([np.nan])), "expected finite scores"),
    ],
)
def test_what_is_no_calibration(make, said):
    with pytest.raises(ShapeError, match=said):
        make()


def test_an_unknown_kind():
    with pytest.raises(ValueError, match='expected a calibration of kind "platt" or "isotonic", got \'beta\''):
        from_json({"kind": "beta", "a": 1.0})
