"""Feature tables of blocks of users as one, in memory or in a file without a name."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from recsys.ranking.features import FeatureTable
from recsys.schema import FloatArray


def stacked(tables: Iterable[FeatureTable], names: tuple[str, ...], *, folder: Path | None = None) -> FeatureTable:
    """The rows of all tables, one table after the other.

    Args:
        tables: of the features `names`; each may go as soon as the next is asked for.
        names: of the columns.
        folder: where the values lie, in a file that nobody else can open and that is gone as soon as the table is,
            whatever ends the process; None keeps them in memory.

    Raises:
        OSError: the disk is full.
    """
    sizes, items, kept, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [], 0
    with tempfile.TemporaryFile(dir=folder) as file:
        for table in tables:
            sizes.append(np.diff(table.indptr))
            items.append(table.item_idx)
            rows += len(table.values)
            if folder is None:
                kept.append(table.values)
            else:
                table.values.tofile(file)
        file.flush()
        shape = (rows, len(names))
        values: FloatArray
        if folder is None or not rows:
            values = np.empty(shape, np.float32)  # row by row, however a block's lie
            np.concatenate([values[:0], *kept], out=values)
        else:  # copy on write, as whatever is compiled expects arrays that may be written
            values = np.asarray(np.memmap(file, np.float32, "c", shape=shape))
    return FeatureTable(
        names=names,
        values=values,
        indptr=np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64),
        item_idx=np.concatenate(items),
    )
