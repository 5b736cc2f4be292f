"""History to user vector to interest."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.interactions import Histories
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.calibration import Isotonic, Platt
from recsys.retrieval.interest import AGE_KNOTS, InterestModel
from recsys.schema import DAY

AS_OF = 1_000 * DAY


def histories(*users):
    """Each user as a list of (item, days ago, weight)."""
    events = [e for user in users for e in sorted(user, key=lambda e: -e[1])]
    item, days, weight = (np.array(c) for c in zip(*events, strict=True)) if events else (np.zeros(0),) * 3
    return Histories(
        indptr=np.cumsum([0, *map(len, users)]).astype(np.int64),
        item_idx=item.astype(np.int32),
        event=np.zeros(len(item), np.uint8),
        at=(AS_OF - days * DAY).astype(np.int64),
        value=np.full(len(item), np.nan),
        weight=weight.astype(np.float32),
    )


def unit(rng, n, dim):
    vectors = rng.normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def learned(rng, dim, **changes):
    model = InterestModel(
        query=rng.normal(size=dim).astype(np.float32),
        age_bias=rng.normal(size=AGE_KNOTS).astype(np.float32),
        weight_power=0.7,
        map=rng.normal(size=(dim, dim)).astype(np.float32),
        calibration=Platt(slope=5.0, intercept=-2.0),
        day=DAY,
        history_items=20,
    )
    return replace(model, **changes)


def test_zero_shot_is_the_decayed_mean():
    model = InterestModel.zero_shot(2, DAY, half_life=30.0)
    hours = np.expm1(0.75 * np.array([8, 9]))  # two knots: there nothing is interpolated
    users = model.user_vectors(
        histories([(0, hours[0] / 24, 1.0), (1, hours[1] / 24, 0.5)]), np.eye(2, dtype="f4"), as_of=AS_OF
    )
    pooled = np.array([0.5 ** (hours[0] / 24 / 30), 0.5 * 0.5 ** (hours[1] / 24 / 30)])
    assert users[0] == pytest.approx(pooled / np.linalg.norm(pooled), abs=1e-5)


def test_the_formula_written_out():
    rng = np.random.default_rng(0)
    model, vectors = learned(rng, 6), unit(rng, 5, 6)
    days, weight, items = np.array([40.0, 3.0, 0.0]), np.array([1.0, 0.3, 1.0]), [4, 0, 2]
    position = np.log1p(days * 24) / 0.75
    bias = np.interp(position, np.arange(AGE_KNOTS), model.age_bias)
    logits = vectors[items] @ model.query + bias + 0.7 * np.log(weight)
    pooled = (np.exp(logits) / np.exp(logits).sum()) @ vectors[items]
    expected = model.map @ (pooled / np.linalg.norm(pooled))
    got = model.user_vectors(histories(list(zip(items, days, weight, strict=True))), vectors, as_of=AS_OF)
    assert got[0] == pytest.approx(expected, abs=1e-5)


def test_no_positive_event_gives_a_zero_row_and_disturbs_nobody():
    rng = np.random.default_rng(1)
    model, vectors = learned(rng, 4), unit(rng, 3, 4)
    users = model.user_vectors(histories([], [(1, 2.0, 1.0)], [(2, 1.0, 0.0)], []), vectors, as_of=AS_OF)
    assert users.shape == (4, 4)
    assert users.dtype == np.float32
    assert not users[[0, 2, 3]].any()
    assert users[1].any()
    assert model.user_vectors(histories(), vectors, as_of=AS_OF).shape == (0, 4)


def test_a_user_is_bit_equal_alone_and_among_many():
    rng = np.random.default_rng(2)
    model, vectors = learned(rng, 384), unit(rng, 300, 384)
    many = histories(
        *(
            [
                (i, d, w)
                for i, d, w in zip(
                    rng.integers(0, 300, n), rng.uniform(0, 400, n), rng.choice([0, 0.3, 1], n), strict=True
                )
            ]
            for n in rng.integers(0, 60, 200)
        )
    )
    together = model.user_vectors(many, vectors, as_of=AS_OF)
    for row in range(200):
        assert np.array_equal(model.user_vectors(many.take([row]), vectors, as_of=AS_OF)[0], together[row])
    mixed = rng.permutation(200)
    assert np.array_equal(model.user_vectors(many.take(mixed), vectors, as_of=AS_OF), together[mixed])


def test_only_the_latest_events_are_read_and_ages_beyond_the_last_knot_stay_finite():
    rng = np.random.default_rng(3)
    model, vectors = learned(rng, 4, history_items=2), unit(rng, 4, 4)
    long, short = [(0, 90_000.0, 1.0), (1, 80_000.0, 1.0), (2, 1.0, 1.0)], [(1, 80_000.0, 1.0), (2, 1.0, 1.0)]
    users = model.user_vectors(histories(long, short), vectors, as_of=AS_OF)
    assert np.array_equal(users[0], users[1])
    assert np.isfinite(users).all()


def test_age_counts_in_the_models_days():
    rng = np.random.default_rng(4)
    model, vectors = learned(rng, 4), unit(rng, 4, 4)
    slow = replace(model, day=10 * DAY)
    recent, old = [(0, 1.0, 1.0), (1, 2.0, 1.0)], [(0, 10.0, 1.0), (1, 20.0, 1.0)]
    a = model.user_vectors(histories(recent), vectors, as_of=AS_OF)
    b = slow.user_vectors(histories(old), vectors, as_of=AS_OF)
    assert a == pytest.approx(b, abs=1e-6)
    assert a != pytest.approx(model.user_vectors(histories(old), vectors, as_of=AS_OF), abs=1e-3)


def test_interest_is_an_increasing_probability():
    model = InterestModel.zero_shot(2, DAY).with_calibration(Platt(slope=2.0, intercept=-1.0))
    scores = np.array([-1e6, 0.0, 0.5, 1e6], np.float32)
    interest = model.interest(scores)
    assert interest.dtype == np.float32
    assert interest == pytest.approx([0, 1 / (1 + np.exp(1)), 0.5, 1])


@pytest.mark.parametrize(
    "calibration", [Platt(slope=5.1, intercept=-2.0), Isotonic(scores=(-0.1, 0.3), values=(0.2, 1 / 3))]
)
def test_save_and_load(tmp_path, calibration):
    model = learned(np.random.default_rng(5), 8, calibration=calibration)
    model.save(tmp_path)
    again = InterestModel.load(tmp_path)
    for name in ("query", "age_bias", "map"):
        assert np.array_equal(getattr(again, name), getattr(model, name))
    assert (again.weight_power, again.calibration, again.day, again.history_items) == (0.7, calibration, DAY, 20)


def test_what_cannot_be_read_or_does_not_fit(tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected an interest model in .*make it again"):
        InterestModel.load(tmp_path)
    model = learned(np.random.default_rng(6), 8)
    model.save(tmp_path)
    (tmp_path / "interest.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ArtifactError, match="Expected an interest model"):
        InterestModel.load(tmp_path)
    model.save(tmp_path)
    settings = (tmp_path / "interest.json").read_text()
    for written, instead in (("platt", "probit"), ('"slope": 5.0', '"slope": -5.0'), ("calibration", "calibre")):
        (tmp_path / "interest.json").write_text(settings.replace(written, instead))
        with pytest.raises(ArtifactError, match=r"Expected an interest model .*make it again"):
            InterestModel.load(tmp_path)
    with pytest.raises(ShapeError, match=r"expected item vectors \(n_items, 8\), got \(3, 4\)"):
        model.user_vectors(histories([(0, 1.0, 1.0)]), np.zeros((3, 4), np.float32), as_of=AS_OF)
    with pytest.raises(ShapeError, match=r"expected query, age_bias, map of shapes"):
        replace(model, map=np.eye(3, dtype=np.float32))


def test_cut_reads_the_first_numbers_alone():
    rng = np.random.default_rng(3)
    model, vectors = learned(rng, 6), unit(rng, 9, 6)
    narrow = vectors[:, :4] / np.linalg.norm(vectors[:, :4], axis=1, keepdims=True)
    known = histories([(0, 3.0, 1.0), (4, 1.0, 0.5)], [(8, 2.0, 1.0)])
    expected = replace(model, query=model.query[:4], map=model.map[:4, :4])
    assert np.array_equal(
        model.cut(4).user_vectors(known, narrow, as_of=AS_OF), expected.user_vectors(known, narrow, as_of=AS_OF)
    )
    assert np.array_equal(model.cut(6).map, model.map)


@pytest.mark.parametrize("dim", [0, 7])
def test_cut_to_a_width_that_is_not_there(dim):
    with pytest.raises(ShapeError, match=rf"Expected vectors to be cut to 1 to 6 numbers, .* got {dim}; lower it"):
        learned(np.random.default_rng(0), 6).cut(dim)


def test_turned_with_the_vectors_the_scores_stay():
    rng = np.random.default_rng(4)
    model, vectors = learned(rng, 6), unit(rng, 9, 6)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0].astype(np.float32)
    known = histories([(0, 3.0, 1.0), (4, 1.0, 0.5)], [(8, 2.0, 1.0)])
    before = model.user_vectors(known, vectors, as_of=AS_OF) @ vectors.T
    turned = vectors @ turn.T
    after = model.turned(turn).user_vectors(known, turned, as_of=AS_OF) @ turned.T
    assert after == pytest.approx(before, abs=1e-5)
