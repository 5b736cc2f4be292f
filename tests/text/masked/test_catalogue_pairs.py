"""Questions from the catalogue."""

from collections import Counter

import numpy as np
import pytest

from recsys.errors import TrainingError
from recsys.text.masked.catalogue_pairs import catalogue_pairs

GROUPS, SIZE = 5, 12


@pytest.fixture(scope="module")
def shelf():
    """Titles in groups whose vectors lie close together."""
    rng = np.random.default_rng(0)
    centres = np.eye(GROUPS, 16)
    vectors = np.repeat(centres, SIZE, axis=0) + rng.normal(0, 0.05, (GROUPS * SIZE, 16))
    titles = [f"{group} {n}" for group in range(GROUPS) for n in range(SIZE)]
    return titles, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def group(title):
    return title.split()[0]


def test_yes_is_near_the_history_and_not_in_it(shelf):
    asked = catalogue_pairs(*shelf, n=40, seed=0)
    assert asked.labels == [1] * 40 + [0] * 40
    for history, candidate in zip(asked.histories[:40], asked.candidates[:40], strict=True):
        (title,) = history
        assert group(title) == group(candidate)
        assert title != candidate


def test_no_is_the_answer_to_another_question_so_no_title_tells(shelf):
    asked = catalogue_pairs(*shelf, n=40, seed=0)
    assert asked.histories[:40] == asked.histories[40:]
    assert Counter(asked.candidates[:40]) == Counter(asked.candidates[40:])
    elsewhere = [
        group(candidate) != group(history[0])
        for history, candidate in zip(asked.histories[40:], asked.candidates[40:], strict=True)
    ]
    assert np.mean(elsewhere) > 0.6  # 4 of 5 groups are others


def test_the_seed_draws(shelf):
    one, again, other = (catalogue_pairs(*shelf, n=40, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert one != other


def test_too_few_titles_are_told(shelf):
    with pytest.raises(TrainingError, match=r"Expected more than 5 distinct titles .* got 5 and 7"):
        catalogue_pairs(shelf[0][:5], shelf[1][:5], n=7, seed=0)
