"""What was kept and what was gained."""

import numpy as np
import pytest

from recsys.errors import ArtifactError
from recsys.evaluation.forgetting import Change, load, save

BEFORE, AFTER = np.array([0.5, 0.0, 1.0, 0.25]), np.array([0.4, 0.1, 0.9, 0.2])


def test_means_paired_difference_and_share():
    change = Change.of(BEFORE, AFTER, (3, 9))
    assert (change.start, change.end, change.before.n) == (3, 9, 4)
    assert change.before.mean == pytest.approx(1.75 / 4)
    assert change.after.mean == pytest.approx(1.6 / 4)
    assert change.difference.mean == pytest.approx(-0.15 / 4)
    assert change.difference.low < -0.15 / 4 < change.difference.high
    assert change.kept.mean == pytest.approx(1.6 / 1.75)


def test_nothing_to_keep():
    assert Change.of(np.zeros(3), AFTER[:3], (0, 1)).kept is None


def test_it_is_read_as_written(tmp_path):
    changes = {"old": Change.of(BEFORE, AFTER, (3, 9)), "new": Change.of(np.zeros(3), AFTER[:3], (9, 12))}
    save(changes, tmp_path)
    assert load(tmp_path) == changes


def test_a_teacher_that_went_on_from_no_other(tmp_path):
    assert load(tmp_path) == {}


def test_a_broken_report(tmp_path):
    (tmp_path / "forgetting.json").write_text('{"old": {}}')
    with pytest.raises(ArtifactError, match=r"is not a forgetting report: at old\..*, field required; run the"):
        load(tmp_path)
