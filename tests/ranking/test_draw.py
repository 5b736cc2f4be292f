import json
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError
from recsys.ranking.draw import FILE, Draw, drawn

SIZES = [np.array([3, 5, 2]), np.array([4, 4, 4, 1, 1])]


def test_nobody_is_drawn_where_all_have_room() -> None:
    assert drawn(SIZES, most=24, seed=0) is None
    assert drawn(SIZES, most=23, seed=0) is not None


@pytest.mark.parametrize("most", range(1, 24))
def test_as_many_are_drawn_as_have_room_and_no_more(most: int) -> None:
    kept = drawn(SIZES, most=most, seed=0)
    assert kept is not None
    assert [len(each) for each in kept] == [3, 5]
    found = Draw.of(SIZES, kept)
    assert (found.of_users, found.of_rows) == (8, 24)
    assert found.rows <= most or found.users == 1  # one, whatever the room
    again = drawn(SIZES, most=most, seed=0)
    assert again is not None
    assert all(np.array_equal(a, b) for a, b in zip(kept, again, strict=True))


def test_everybody_is_as_likely_to_be_drawn() -> None:
    sizes = [np.full(4, 2), np.full(4, 2)]
    found = [drawn(sizes, most=6, seed=seed) for seed in range(2000)]
    share = np.mean([np.concatenate(kept) for kept in found if kept is not None], axis=0)
    assert share == pytest.approx(np.full(8, 3 / 8), abs=0.045)


def test_what_was_done_is_told_and_kept(tmp_path: Path) -> None:
    kept = [np.array([True, False, True]), np.array([True, False, False, False, False])]
    made = Draw.of(SIZES, kept)
    assert made == Draw(users=3, rows=9, of_users=8, of_rows=24)
    assert made.sentence == (
        "learns from 3 of 8 users drawn at random (37.5%), with all their rows, 9 of 24: more do not fit "
        "ranking.table_mib"
    )
    assert Draw.load(tmp_path) is None
    made.save(tmp_path)
    assert Draw.load(tmp_path) == made


@pytest.mark.parametrize("body", [{}, {"users": 1, "rows": 2, "of_users": "many", "of_rows": 3}])
def test_another_file_of_that_name_is_refused(body: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(body))
    with pytest.raises(ArtifactError, match="does not tell which users were drawn"):
        Draw.load(tmp_path)
