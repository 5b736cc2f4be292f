"""Broken JSON and parquet files are artifacts that say so."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.data.storage import first_line, let_go, mapped, read_json, read_table, write_json
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


def test_a_mapped_array_is_the_files_pages_until_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    np.save(path, np.arange(6, dtype=np.int32).reshape(2, 3))
    one, other = mapped(path), mapped(path)
    assert str(path) in Path("/proc/self/maps").read_text()
    one[0, 0] = 9
    assert (type(one), one.dtype, one[0, 0], other[0, 0]) == (np.ndarray, np.int32, 9, 0)
    np.testing.assert_array_equal(np.load(path), other)


def test_pages_let_go_are_read_again_from_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(1 << 20))
    array = mapped(tmp_path / "a.npy")
    total = int(array.sum())
    assert _resident(tmp_path / "a.npy") >= 8 * 1024
    let_go(array)
    assert _resident(tmp_path / "a.npy") == 0
    assert int(array.sum()) == total
    plain = np.arange(3)
    let_go(plain)
    let_go(plain[1:])
    assert plain.tolist() == [0, 1, 2]


def _resident(file: Path) -> int:
    """KiB of the file's pages in this process's memory."""
    return sum(map(int, re.findall(rf"{file}\n(?:.*\n)*?Rss:\s+(\d+) kB", Path("/proc/self/smaps").read_text())))


def test_an_empty_array_can_be_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros((0, 3), np.float32))
    assert mapped(tmp_path / "array.npy").shape == (0, 3)


def test_a_pickle_is_not_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"object|Array"):
        mapped(tmp_path / "array.npy")
