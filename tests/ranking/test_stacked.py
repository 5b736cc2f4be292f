import gc
import os
from pathlib import Path

import numpy as np
import pytest

from recsys.ranking.stacked import stacked
from tests.ranking.small_tables import table

NAMES = ("telling", "noise")


@pytest.mark.parametrize("on_disk", [False, True])
def test_tables_one_after_the_other(on_disk: bool, tmp_path: Path) -> None:
    parts = [table(seed, n_users=seed).features for seed in (3, 0, 5)]
    made = stacked(iter(parts), NAMES, folder=tmp_path if on_disk else None)
    assert np.array_equal(made.values, np.concatenate([part.values for part in parts]), equal_nan=True)
    assert made.item_idx.tolist() == [item for part in parts for item in part.item_idx]
    assert np.diff(made.indptr).tolist() == [10] * 8


@pytest.mark.parametrize("on_disk", [False, True])
def test_no_tables_or_no_rows_are_an_empty_one(on_disk: bool, tmp_path: Path) -> None:
    for parts in ([], [table(0, n_users=0).features]):
        made = stacked(parts, NAMES, folder=tmp_path if on_disk else None)
        assert made.values.shape == (0, 2)
        assert made.indptr.tolist() == [0]
        assert made.item_idx.dtype == np.int32


def test_the_file_has_no_name_and_goes_with_the_table(tmp_path: Path) -> None:
    made = stacked([table(0).features], NAMES, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert _mapped(tmp_path) > 0
    del made
    gc.collect()
    assert _mapped(tmp_path) == 0


def _mapped(folder: Path) -> int:
    return sum(str(folder) in line for line in Path(f"/proc/{os.getpid()}/maps").read_text().splitlines())
