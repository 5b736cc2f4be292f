"""What serving never reads goes, what it reads stays, and nothing goes where something is missing."""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, ROOT

SCRIPT = DEPLOY / "slim.py"
LIBRARIES = (
    "llvmlite/binding/libllvmlite.so",
    "_polars_runtime_32/_polars_runtime.abi3.so",
    "uvloop/loop.cpython-311-x86_64-linux-gnu.so",
    "httptools/parser/parser.cpython-311-x86_64-linux-gnu.so",
    "httptools/parser/url_parser.cpython-311-x86_64-linux-gnu.so",
    "tokenizers/tokenizers.abi3.so",
    "hf_xet/hf_xet.abi3.so",
    "yaml/_yaml.cpython-311-x86_64-linux-gnu.so",
)
KEPT = ("numpy.libs/libopenblas.so", "faiss/libfaiss.so", "numpy/testing/__init__.py", "numpy/_tests.py", "recsys/a.py")
GONE = ("numpy/tests/test_a.py", "scipy/x/tests/data/deep/tests/a.npy", "recsys/__pycache__/a.pyc", "__pycache__/t.pyc")
PRETENDED = """#!/bin/sh
[ "$1 $2" = "--strip-unneeded -o" ] && echo slim > "$3" && echo "$4" >> "$(dirname "$0")/asked"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An installation in which every file holds its own name."""
    for name in (*LIBRARIES, *KEPT, *GONE):
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o755 if ".so" in name else 0o644)
    return tmp_path / "site"


@pytest.fixture
def pretended(tmp_path: Path) -> Path:
    """A folder with a `strip` in it that writes down what it is asked."""
    program = tmp_path / "bin/strip"
    program.parent.mkdir()
    program.write_text(PRETENDED)
    program.chmod(0o755)
    return program.parent


def slim(*arguments: Path | str, path: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )


def files(site: Path) -> dict[str, str]:
    return {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*") if path.is_file()}


def test_tests_and_compiled_python_go_and_the_named_libraries_are_stripped(site: Path, pretended: Path) -> None:
    done = slim(site, path=f"{pretended}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files(site) == dict.fromkeys(LIBRARIES, "slim\n") | {name: name for name in KEPT}
    assert not [path for path in site.rglob("*") if path.name in {"tests", "__pycache__"}]
    assert {(site / name).stat().st_mode & 0o777 for name in LIBRARIES} == {0o755}
    asked = (pretended / "asked").read_text().splitlines()
    assert sorted(asked) == sorted(str(site / name) for name in LIBRARIES)


def test_a_file_shared_with_an_installers_cache_is_left_as_it_was_there(site: Path, pretended: Path) -> None:
    cached = site.parent / "cached.so"
    os.link(site / LIBRARIES[0], cached)
    slim(site, path=f"{pretended}:{os.environ['PATH']}")
    assert cached.read_text() == LIBRARIES[0]


def test_a_library_that_has_moved_is_named_and_nothing_is_changed(site: Path, pretended: Path) -> None:
    (site / "llvmlite/binding/libllvmlite.so").unlink()
    before = files(site)
    done = slim(site, path=f"{pretended}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr == (
        f"Expected llvmlite/binding/libllvmlite.so in {site}, found no such library; install recsys[serve] there, or, "
        "where a newer version has moved it, name it anew in STRIPPED of slim.py.\n"
    )
    assert files(site) == before


def test_without_strip_nothing_is_changed(site: Path, tmp_path: Path) -> None:
    before = files(site)
    done = slim(site, path=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ("Expected the program strip on the PATH, found none; apt-get install binutils brings it.\n")
    assert files(site) == before


def test_a_strip_that_fails_leaves_the_library(site: Path, pretended: Path) -> None:
    (pretended / "strip").write_text('#!/bin/sh\necho half > "$3"\nexit 1\n')
    assert slim(site, path=f"{pretended}:{os.environ['PATH']}").returncode == 1
    assert {name: files(site)[name] for name in LIBRARIES} == {name: name for name in LIBRARIES}
    assert not [path for path in site.rglob("*") if path.name.endswith(".slim")]


def test_one_folder_is_expected() -> None:
    done = slim(path=os.environ["PATH"])
    assert done.returncode == 1
    assert done.stderr.startswith("Expected one argument, the folder site-packages of an installation")


def test_a_real_library_is_smaller_loads_and_stays_as_it_is(site: Path) -> None:
    if shutil.which("strip") is None:
        pytest.skip("there is no strip here")
    for name in {name.split("/")[0] for name in LIBRARIES}:
        shutil.rmtree(site / name)
    spec = find_spec("httptools.parser.parser")
    assert spec is not None
    assert spec.origin is not None
    for name in LIBRARIES:  # a small one, under every name
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(spec.origin, site / name)
    shutil.copytree(Path(spec.origin).parents[1], site / "httptools", dirs_exist_ok=True)
    before = (site / LIBRARIES[3]).stat().st_size
    assert slim(site, path=os.environ["PATH"]).returncode == 0
    assert (site / LIBRARIES[3]).stat().st_size < before / 2
    code = "import httptools; print(httptools.__file__, httptools.parse_url(b'/a?b').query)"
    told = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(site)}, capture_output=True, text=True)
    assert told.stdout == f"{site}/httptools/__init__.py b'b'\n", told.stderr
    digest = hashlib.sha256((site / LIBRARIES[3]).read_bytes()).hexdigest()
    assert slim(site, path=os.environ["PATH"]).returncode == 0
    assert hashlib.sha256((site / LIBRARIES[3]).read_bytes()).hexdigest() == digest


def test_the_libraries_are_those_that_are_installed_here() -> None:
    """A newer version that moves one is noticed before an image is made."""
    sys.path.insert(0, str(DEPLOY))
    try:
        from slim import STRIPPED
    finally:
        sys.path.remove(str(DEPLOY))
    spec = find_spec("numpy")
    assert spec is not None
    assert spec.origin is not None
    here = Path(spec.origin).parents[1]
    assert here != ROOT
    assert [pattern for pattern in STRIPPED if not list(here.glob(pattern))] == []
