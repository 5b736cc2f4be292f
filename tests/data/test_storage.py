"""Broken JSON and parquet files are artifacts that say so."""

from pathlib import Path

import polars as pl
import pytest

from recsys.data.storage import first_line, read_json, read_table, write_json
from recsys.errors import ArtifactError


def test_json_is_written_with_equal_bytes_for_equal_values(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": 1, "y": [2]})
    write_json(tmp_path / "b", {"y": [2], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a") == {"x": 1, "y": [2]}


@pytest.mark.parametrize(("content", "got"), [("{", "got none"), ("[1]", "got list"), (None, "got none")])
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: str | None, got: str) -> None:
    if content is not None:
        (tmp_path / "a").write_text(content)
    with pytest.raises(ArtifactError, match=f"Expected a JSON object in .*a, {got}.*make the artifact again"):
        read_json(tmp_path / "a")


def test_a_table_with_another_type_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t")
    assert read_table(tmp_path / "t", {"a": pl.Int64}).rows() == [(1,)]
    with pytest.raises(ArtifactError, match="expected the columns a with their types, got a; make it again"):
        read_table(tmp_path / "t", {"a": pl.Int32})


def test_every_cut_of_a_parquet_file_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": range(100)}).write_parquet(tmp_path / "t")
    whole = (tmp_path / "t").read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 20)):
        (tmp_path / "t").write_bytes(whole[:size])
        with pytest.raises(ArtifactError, match=r"Expected a table in .*t: .*; make the artifact again"):
            read_table(tmp_path / "t", {"a": pl.Int64})


def test_an_error_without_a_message_is_named() -> None:
    assert (first_line(ValueError("a\nb")), first_line(ValueError())) == ("a", "ValueError")
