"""The order of learning."""

import itertools

import numpy as np
import pytest

from recsys.text.passes import passes

LENGTHS = np.array([5, 9, 2, 7, 4, 6, 3, 8])


def test_every_pass_has_every_text_once_within_the_tokens_of_a_step():
    steps = list(itertools.islice(passes(LENGTHS, tokens=12, seed=3), 40))
    seen = np.concatenate(steps)
    for start in range(0, len(seen) - len(LENGTHS), len(LENGTHS)):
        assert sorted(seen[start : start + len(LENGTHS)]) == list(range(len(LENGTHS)))
    of_pass = [{tuple(step) for step in steps[n : n + 4]} for n in (0, 4, 8)]
    assert len(set(map(frozenset, of_pass))) > 1  # in another order
    # a step ends with the text that reaches its share of the running total
    assert max(LENGTHS[step].sum() for step in steps) <= 12 + LENGTHS.max() - 1
    assert all((np.diff(step) > 0).all() for step in steps)


@pytest.mark.parametrize("start", [1, 5, 17])
def test_a_later_start_goes_on_alike_and_another_seed_does_not(start):
    whole = [step.tolist() for step in itertools.islice(passes(LENGTHS, tokens=10, seed=1), 30)]
    later = [step.tolist() for step in itertools.islice(passes(LENGTHS, tokens=10, seed=1), start, 30)]
    assert later == whole[start:]
    assert [step.tolist() for step in itertools.islice(passes(LENGTHS, tokens=10, seed=2), 30)] != whole
