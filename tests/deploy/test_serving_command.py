"""The serving image's command as its user, where only its volumes can be written."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.keys import add
from tests.deploy.files import ROOT
from tests.deploy.test_images import command
from tests.serving.conftest import eventually
from tests.serving.server import RedisServer

USER = 10001
# it may read all, as this Python may lie where only root reads, and writes what anybody may
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
AS_USER += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def another_user() -> None:
    try:
        subprocess.run([*AS_USER, sys.executable, "-c", ""], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no process of another user can be started here: {error}")


@pytest.fixture
def place(bundle_root: Path) -> Iterator[Path]:
    """A folder that everybody can read: pytest's own cannot be entered by others."""
    folder = Path(tempfile.mkdtemp(prefix="recsys-image-"))
    folder.chmod(0o755)
    shutil.copytree(bundle_root, folder / "bundles", symlinks=True)
    for path in [folder / "bundles", *(folder / "bundles").rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    for name in ("log", "compiled", "tmp"):
        (folder / name).mkdir()
        os.chown(folder / name, USER, USER)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    server = RedisServer(tmp_path)
    yield server.url
    server.stop()


def test_it_needs_nothing_but_its_volumes(place: Path, redis_url: str) -> None:
    secret = add(place / "keys", name="shop", role="admin")
    os.chown(place / "keys", USER, USER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = {
        "/bundles": str(place / "bundles"),
        "/log": str(place / "log"),
        "/run/secrets/keys": str(place / "keys"),
        "redis://redis:6379/0": redis_url,
        "8000": str(port),
        "0.0.0.0": "127.0.0.1",
    }
    words = command("serving", "CMD")
    assert set(here) <= set(words)
    process = subprocess.Popen(
        [*AS_USER, sys.executable, "-m", "pipelines", *(here.get(word, word) for word in words)],
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "NUMBA_CACHE_DIR": str(place / "compiled"),
            "PYTHONPYCACHEPREFIX": str(place / "compiled/python"),
            "TMPDIR": str(place / "tmp"),
            "HOME": "/nonexistent",
        },
        stderr=subprocess.PIPE,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _asks(client, process, secret)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told.decode()
    assert list((place / "log" / "answers").rglob("*.parquet"))
    assert list((place / "compiled").rglob("*.nbi"))
    assert list((place / "compiled/python").rglob("*.pyc"))
    mine = {path.relative_to(place).parts[0] for path in place.rglob("*") if path.stat().st_uid == USER}
    assert mine <= {"log", "compiled", "tmp", "keys"}


def _asks(client: httpx.Client, process: subprocess.Popen[bytes], secret: str) -> None:
    assert eventually(lambda: _ready(client, process), seconds=120)
    question = {"user_id": "u00001", "k": 3}
    assert client.post("/v1/recommend", json=question).status_code == 401
    client.headers["authorization"] = f"Bearer {secret}"
    before = client.post("/v1/recommend", json=question).raise_for_status().json()
    assert before["degraded"] == []
    refused = client.post("/v1/bundle", json={"name": "current"})
    assert (refused.status_code >= 400, refused.headers["content-type"]) == (True, "application/problem+json")
    assert client.post("/v1/recommend", json=question).raise_for_status().json()["bundle"] == before["bundle"]


def _ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False
