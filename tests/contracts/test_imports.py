"""Importing is free: light rooms stay light, and no import writes, prints or calls out."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import recsys

HEAVY = (
    "torch",
    "transformers",
    "ray",
    "lightgbm",
    "faiss",
    "implicit",
    "onnxruntime",
    "tokenizers",
    "scipy",
    "sklearn",
)
ROOT = Path(recsys.__path__[0])
CONFIGS = [".".join(path.relative_to(ROOT.parent).with_suffix("").parts) for path in sorted(ROOT.rglob("config.py"))]
LIGHT = ["recsys", "recsys.errors", "recsys.schema", "recsys.settings", *CONFIGS]
EVALUATION = [
    f"{room}.{name}"
    for room in ("recsys.evaluation", "recsys.evaluation.experiment")
    for _, name, _ in pkgutil.iter_modules([str(ROOT.parent / room.replace(".", "/"))])
]
EVERY = sorted(m.name for m in pkgutil.walk_packages(recsys.__path__, "recsys."))


_GUARD = """
import sys
def refuse(event, args):
    if event.startswith("socket.connect"):
        raise RuntimeError(f"{event} {args}")
sys.addaudithook(refuse)
"""


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter whose every writable place is `folder`; a connection from Python code is an error."""
    places = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT.parent), "PYTHONDONTWRITEBYTECODE": "1", **places}
    return subprocess.run(
        [sys.executable, "-c", _GUARD + code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_light_modules_load_nothing_heavy(tmp_path):
    assert {"recsys.data.config", "recsys.text.masked.config"} <= set(CONFIGS)
    code = f"import {', '.join(LIGHT + EVALUATION)}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = run_python(code, tmp_path)
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_the_guard_sees_what_is_loaded(tmp_path):
    assert (
        run_python(f"import scipy; print([m for m in {HEAVY!r} if m in sys.modules])", tmp_path).stdout == "['scipy']\n"
    )


@pytest.mark.slow
def test_importing_everything_leaves_no_trace(tmp_path):
    assert len(EVERY) > 20
    done = run_python("\n".join(f"import {name}" for name in EVERY), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == []


def test_a_library_module_prints_nowhere():
    """ruff's T20 forbids print; sys.stdout and sys.stderr are the ways around it."""
    sources = ROOT.rglob("*.py")
    assert [
        p.name for p in sources if {"sys.stdout", "sys.stderr"} & {w.strip("(),.:") for w in p.read_text().split()}
    ] == []
