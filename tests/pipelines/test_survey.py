"""Who judges, who teaches, and what they are asked."""

import numpy as np
import pytest

from pipelines.survey import Survey
from recsys import settings
from recsys.data.synthetic import make_world
from tests.tiny import write_base


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    make_world(n_users=100, n_items=60, seed=1).write(folder / "shop")
    (folder / "base").mkdir()
    return folder / "shop", write_base(folder / "base")


def sets(base, **changes):
    return [f"{name}={value}" for name, value in ({"encoder.base": str(base)} | changes).items()]


def test_who_is_labelled_does_not_judge_and_is_asked_about_an_earlier_time(places):
    survey = Survey.of(str(places[0]), settings.load(None, sets(places[1])), None)
    assert not set(survey.judged.user_idx) & set(survey.labelled.user_idx)
    log, end = survey.interactions, survey.split.encoder_end
    for pairs, start, stop in (
        (survey.judged, end, survey.split.end),
        (survey.labelled, survey.corpus.valid_start, end),
    ):
        taken = log.between(start, stop).positives().events.select("user_idx", "item_idx").unique().rows()
        assert set(zip(pairs.user_idx.tolist(), pairs.positive.tolist(), strict=True)) <= set(taken)


def test_histories_end_where_the_pairs_begin_and_name_each_title_once(places):
    survey = Survey.of(str(places[0]), settings.load(None, sets(places[1], **{"prompt.history_items": 3})), None)
    histories, candidates = survey.asked(survey.judged, survey.split.encoder_end)
    n = len(survey.judged)
    assert len(histories) == len(candidates) == 2 * n
    assert histories[:n] == histories[n:]
    past = survey.interactions.before(survey.split.encoder_end).positives().events
    for row in range(0, n, 7):
        mine = past.filter(past["user_idx"] == survey.judged.user_idx[row]).sort("at", maintain_order=True)["item_idx"]
        titles = [survey.titles[i] for i in mine.to_list()]
        latest = list(dict.fromkeys(reversed(titles)))[:3]
        assert list(histories[row]) == latest[::-1]
        assert candidates[row] == survey.titles[survey.judged.positive[row]]
        assert candidates[n + row] == survey.titles[survey.judged.negative[row]]


def test_vectors_are_centred_on_what_is_known(places):
    survey = Survey.of(str(places[0]), settings.load(None, sets(places[1])), None)
    assert np.abs(np.linalg.norm(survey.vectors, axis=1) - 1).max() < 1e-5
    assert 0 < survey.known.sum() < len(survey.known) == len(survey.titles)
    assert np.linalg.norm(survey.vectors[survey.known].mean(axis=0)) < 0.2
