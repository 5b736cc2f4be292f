"""Whether interest keeps its word, in the small shop."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.parts import Parts
from pipelines.reliability import of_ranker, on_test, on_validation
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.rules import unseen
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation


@pytest.fixture(scope="module")
def split(shop):
    return TimeSplit.of(shop.interactions, SplitConfig())


@pytest.fixture(scope="module")
def parts(shop, split, recommender):
    return Parts(
        catalog=shop.catalog,
        interactions=shop.interactions,
        split=split,
        vectors=recommender.vectors,
        interest=recommender.retriever.interest,
        config=RecommenderConfig(),
    )


@pytest.fixture(scope="module")
def exam(shop, split):
    users = shop.interactions.before(split.ranker_end).user_indices()
    return Exam.of(shop.interactions, users, split=split, target="all", config=EvaluationConfig(samples=200))


def test_every_pair_of_the_test_window_new_to_its_user(shop, split, parts, exam):
    found = on_test(parts, exam)
    histories = shop.interactions.histories(exam.user_idx, as_of=split.ranker_end)
    late = shop.interactions.between(split.ranker_end, split.end).positives().events
    taken = {(u, i) for u, i in late.select("user_idx", "item_idx").iter_rows()}
    new = unseen(histories, len(shop.catalog))
    rows = [[(u, i) in taken for i in np.flatnonzero(new[row])] for row, u in enumerate(exam.user_idx.tolist())]
    rows = [row for row in rows if any(row)]
    assert found.ece.n == len(rows)
    assert found.taken == sum(map(sum, rows))
    assert found.others == sum(map(len, rows)) - found.taken
    assert sum(b.n for b in found.bins) == found.taken + found.others


def test_a_worse_calibration_has_a_larger_error(parts, exam):
    interest = parts.interest
    sure = interest.with_calibration(replace(interest.calibration, slope=40.0, intercept=0.0))
    assert on_test(replace(parts, interest=sure), exam).ece.low > on_test(parts, exam).ece.mean


def test_validation_users_are_judged_by_the_other_half(shop, split, parts):
    corpus = Corpus.of(shop.catalog, shop.interactions, split.encoder_end, valid_fraction=0.3)
    item = {text: row for row, text in enumerate(shop.catalog.texts)}
    vectors = parts.vectors.vectors[[item[text] for text in corpus.texts]]
    found = on_validation(corpus, parts.interest, vectors)
    wrong = parts.interest.with_calibration(replace(parts.interest.calibration, slope=400.0, intercept=-300.0))
    assert on_validation(corpus, wrong, vectors) == found
    assert found.ece.n == len(Validation.of(corpus).histories) > 1
    assert found.ece.mean < 0.2


@pytest.fixture(scope="module")
def ours(parts, recommender):
    return parts.assemble(as_of=parts.split.ranker_end, ranker=recommender.ranker)


def test_the_rankers_probability_over_the_candidates_of_a_window_like_its_own(shop, split, parts, ours, tmp_path):
    found = of_ranker(ours, parts, EvaluationConfig(samples=100))["ranker, test window"]
    assert of_ranker(ours, parts, EvaluationConfig(samples=100), folder=tmp_path) == {"ranker, test window": found}
    assert list(tmp_path.iterdir()) == []  # the file has no name
    window = ours.ranker.probability.window
    assert window == split.ranker_end - split.instants[-1]
    late = shop.interactions.between(split.ranker_end, split.ranker_end + window).positives()
    users = np.intersect1d(late.user_indices(), shop.interactions.before(split.ranker_end).user_indices())
    taken = {(u, i) for u, i in late.events.select("user_idx", "item_idx").iter_rows()}
    histories = shop.interactions.histories(users, as_of=split.ranker_end)
    allowed = ours.snapshot.allowed(histories, as_of=split.ranker_end, mask=ours.snapshot.items.known)
    candidates = ours.retriever.retrieve(histories, as_of=split.ranker_end, allowed=allowed)
    pairs = list(zip(users[candidates.rows].tolist(), candidates.item_idx.tolist(), strict=True))
    assert found.ece.n == len(users)
    assert found.taken == sum(pair in taken for pair in pairs) > 0
    assert found.others == len(pairs) - found.taken
    assert sum(b.weight * b.share for b in found.bins) == pytest.approx(found.taken / len(pairs))
    assert found.ece.mean < 0.1


def test_a_ranker_that_is_too_sure_has_a_larger_error(parts, ours):
    honest = ours.ranker.probability
    rash = replace(ours.ranker, probability=replace(honest, others=honest.taken))
    config = EvaluationConfig(samples=100)
    truth, boast = (
        of_ranker(replace(ours, ranker=ranker), parts, config)["ranker, test window"] for ranker in (ours.ranker, rash)
    )
    assert boast.ece.low > truth.ece.mean


def test_without_a_probability_nothing_is_told(parts, ours):
    config = EvaluationConfig(samples=100)
    assert of_ranker(replace(ours, ranker=replace(ours.ranker, probability=None)), parts, config) == {}
    assert of_ranker(replace(ours, ranker=None), parts, config) == {}
