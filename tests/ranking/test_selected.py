from pathlib import Path

import numpy as np
import pytest

from recsys.ranking import selected
from recsys.ranking.selected import Selected
from recsys.ranking.stacked import stacked
from tests.ranking.small_tables import N_ITEMS, N_USERS, table

KEPT = np.arange(N_USERS * N_ITEMS) % 3 > 0


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("block", [1, 7, 100_000])
def test_rows_read_a_few_at_a_time_are_the_rows(
    on_disk: bool, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selected, "BLOCK", block)
    features = table(0).features
    there = stacked([features], features.names, folder=tmp_path if on_disk else None)
    rows = Selected.of(there, kept=KEPT)
    assert np.array_equal(np.concatenate(list(rows.blocks())), features.values[KEPT], equal_nan=True)
    one = Selected.of(there, kept=KEPT, without=frozenset({"telling"}))
    assert np.array_equal(np.concatenate(list(one.blocks())), features.values[KEPT][:, 1:], equal_nan=True)
    odd = np.arange(len(rows)) % 2 == 1
    assert np.array_equal(rows.where(odd).read(3, 9), features.values[KEPT][odd][3:9], equal_nan=True)
    assert rows.read(0, 1).flags.c_contiguous
    assert one.read(0, 1).flags.c_contiguous
