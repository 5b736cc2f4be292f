"""index.json and the files of rows are read as strictly as they were written."""

import json
from pathlib import Path

import numpy as np
import pytest

from recsys.data.storage import write_json
from recsys.errors import ArtifactError
from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index_facts import Facts, read_rows
from recsys.retrieval.index_plan import Plan

FACTS = Facts(config=IndexConfig(), shape=(3, 4), plan=Plan(factory="IVF8,SQ8", effort=2), built_recall=0.5)


def test_what_was_written_is_read(tmp_path: Path):
    write_json(tmp_path / "index.json", FACTS.model_dump())
    assert Facts.read(tmp_path / "index.json") == FACTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shape", [3, 4, 5]),
        ("shape", [3, "4"]),
        ("built_recall", 1.5),
        ("built_recall", None),
        ("plan", {"factory": "IVF8,SQ8"}),
        ("plan", {"factory": "IVF8,SQ8", "effort": 2, "more": 1}),
        ("plan", {"factory": "LSH", "effort": 0}),
        ("plan", {"factory": "IVF8,SQ8", "effort": -1}),
        ("config", {"storage": "int4"}),
        ("config", {"exact_upto": 3}),
        ("more", 1),
    ],
)
def test_anything_else_is_refused(name, value, tmp_path: Path):
    write_json(tmp_path / "index.json", json.loads(FACTS.model_dump_json()) | {name: value})
    with pytest.raises(ArtifactError, match=r"index\.json describes? .*; index again\.|index\.json does not describe"):
        Facts.read(tmp_path / "index.json")


def test_no_file_and_no_json_are_refused(tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"index\.json does not describe an index .*; index again\."):
        Facts.read(tmp_path / "index.json")
    (tmp_path / "index.json").write_text("[")
    with pytest.raises(ArtifactError, match=r"index\.json does not describe an index .*; index again\."):
        Facts.read(tmp_path / "index.json")


@pytest.mark.parametrize("rows", [[0, 2], [], [0, 1, 2]])
def test_ascending_rows_are_read(rows, tmp_path: Path):
    np.save(tmp_path / "rows.npy", np.array(rows, np.int32))
    assert read_rows(tmp_path / "rows.npy", 3).tolist() == rows


@pytest.mark.parametrize(
    "rows",
    [
        np.array([0, 3], np.int32),
        np.array([-1, 2], np.int32),
        np.array([1, 1], np.int32),
        np.array([2, 1], np.int32),
        np.array([0, 1], np.int64),
        np.array([[0, 1]], np.int32),
    ],
)
def test_rows_that_are_none_are_refused(rows, tmp_path: Path):
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(ArtifactError, match=r"rows\.npy: expected int32 item_idx below 3, ascending, each once"):
        read_rows(tmp_path / "rows.npy", 3)
