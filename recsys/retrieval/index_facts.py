"""The saved form of an index but for the index itself."""

from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from recsys.data.config import Config
from recsys.data.storage import first_line
from recsys.errors import ArtifactError
from recsys.retrieval.config import FACTORY, IndexConfig
from recsys.retrieval.index_plan import Plan
from recsys.schema import IntArray


class Facts(Config):
    """What index.json says; the fields are those of `ItemIndex`."""

    config: IndexConfig
    shape: tuple[int, int]
    plan: Plan
    built_recall: float = Field(ge=0, le=1)

    @classmethod
    def read(cls, path: Path) -> "Facts":
        """What was written to a file.

        Raises:
            ArtifactError: the file is missing, or says something else, or more.
        """
        try:
            facts = cls.model_validate_json(path.read_bytes(), strict=True)
        except (OSError, ValidationError) as error:
            raise ArtifactError(f"{path} does not describe an index ({first_line(error)}); index again.") from error
        plan = facts.plan
        if not FACTORY.fullmatch(plan.factory) or min(plan.effort, plan.few) < 0:
            raise ArtifactError(f"{path} describes {plan.factory!r} at {plan.effort}, none of ours; index again.")
        return facts


def read_rows(path: Path, n_items: int) -> IntArray:
    """int32 (m,) item_idx from a file, ascending.

    Raises:
        ArtifactError: numbers of another kind, or twice, or of items that there are not.
    """
    rows: IntArray = np.load(path, allow_pickle=False)
    if rows.dtype != np.int32 or rows.ndim != 1 or (np.diff(rows, prepend=-1, append=n_items) < 1).any():
        raise ArtifactError(f"{path}: expected int32 item_idx below {n_items}, ascending, each once; index again.")
    return rows
