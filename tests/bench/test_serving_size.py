"""Sizes are told by whose files they are, and what is too large or does not belong there is a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.serving_size import EXTRAS, ROOT, by_distribution, judged, table, told
from tests.deploy.files import dockerfile


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two distributions, 3000 and 50 bytes beside their metadata, and a file of nobody."""
    folder = tmp_path / "lib/python3.11/site-packages"
    for name, size in (("Large_One", 3000), ("small", 50)):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.py").write_bytes(bytes(size))
        info = folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1\n")
        (info / "RECORD").write_text(f"{name}/a.py,,\n{name}/tests/gone.py,,\n../../../bin/{name},,\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/small").write_bytes(bytes(7))
    (folder / "nobody.pyc").write_bytes(bytes(11))
    return folder


def test_a_size_is_of_the_files_that_are_there(site: Path) -> None:
    metadata = sum(path.stat().st_size for path in site.rglob("*.dist-info/*"))
    assert by_distribution(site) == {"large-one": 3000, "small": 57, "": 11 + metadata}


def test_all_files_count(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = told(site, "slimmed")
    assert size == sum(by_distribution(site).values()) - 7  # what lies in bin
    assert capsys.readouterr().out.startswith("slimmed")


def test_the_small_ones_are_one_line() -> None:
    lines = table({"a": 2_500_000, "b": 900_000, "c": 90_000_000, "d": 300_000, "": 0})
    assert [line.split() for line in lines] == [["c", "90.0"], ["a", "2.5"], ["2", "others", "1.2"]]
    assert len({len(line) for line in lines}) == 1


def test_a_fault_is_a_sentence() -> None:
    assert judged(700_000_000, ["numpy", "redis", "raylib", "torchlight"]) == []
    assert judged(700_100_000, ["numpy", "pyarrow", "nvidia-cublas-cu12", "torch"]) == [
        "Expected nothing that only training needs, found nvidia-cublas-cu12, pyarrow, torch.",
        "Expected at most 700 MB, got 700.1; the table tells what is large.",
    ]


def test_it_is_made_as_the_image_is() -> None:
    lines = dockerfile("serving")
    assert f"EXTRAS={EXTRAS}" in [i.text for i in lines if i.name == "ARG"]
    (installed,) = [i.text for i in lines if " pip install " in i.text]
    assert {"--no-compile", "-c", "constraints.txt"} <= set(installed.split())
    (slimmed,) = [i.text.split()[1] for i in lines if "slim.py /made" in i.text]
    assert (ROOT / slimmed).is_file()


@pytest.mark.prove
def test_the_installation_is_small_and_serves() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bench.serving_size"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "serves: live, a list of 3 items" in done.stdout
