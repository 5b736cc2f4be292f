"""The real process: what it loads, what it answers over a socket, how it ends."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient

from recsys.bundle import CURRENT, Bundle
from recsys.errors import UsageError
from serving.keys import add
from serving.run import _until_sigterm, check_host, run
from serving.site import Site

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_allowed(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org", "localhost.evil.example", "127.0.0.1 "]
)
def test_what_others_can_reach_is_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Expected a loopback host such as 127\.0\.0\.1, got"):
        run(Site(bundles=tmp_path), host=host, port=0, clock="wall")


def test_with_keys_others_may_reach_it(bundle_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path / "keys", name="shop", role="read")
    served = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: served.append(server.config.app))
    site = Site(bundles=bundle_root, state=str(tmp_path / "state"), log=tmp_path / "log", keys=tmp_path / "keys")
    run(site, host="0.0.0.0", port=0, clock="wall")
    with TestClient(served[0]) as client:
        assert client.get("/v1/bundle").status_code == 401
        assert client.get("/health/ready").status_code == 200


def test_keys_that_cannot_be_read_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot read the keys in .*none: No such file or directory; make one"):
        run(Site(bundles=tmp_path, keys=tmp_path / "none"), host="0.0.0.0", port=0, clock="wall")


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"Cannot listen on 127\.0\.0\.1 port {port}: .*; choose another port\."):
            run(Site(bundles=tmp_path), host="127.0.0.1", port=port, clock="wall")


def test_no_place_for_the_state_is_a_sentence(bundle_root: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle_root, tmp_path / "bundles", symlinks=True)
    (tmp_path / "serving").write_text("in the way")
    with pytest.raises(UsageError, match=r"Cannot keep the state in .*serving: File exists; name .* by --state\."):
        run(Site(bundles=tmp_path / "bundles"), host="127.0.0.1", port=0, clock="wall")
    with pytest.raises(UsageError, match=r"Cannot keep the log in .*serving: File exists; name .* by --log\."):
        run(Site(bundles=tmp_path / "bundles", state=str(tmp_path / "state")), host="127.0.0.1", port=0, clock="wall")


def test_no_training_library_is_loaded_to_answer(bundle_root: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from serving.app import create_app
from serving.sqlite import SqliteStore
client = TestClient(create_app(Path({str(bundle_root)!r}), store=SqliteStore(Path({str(tmp_path / "state")!r}))))
assert client.post("/v1/recommend", json={{"user_id": "u00001"}}).json()["items"]
assert client.post("/v1/rank", json={{"user_id": "u00001", "item_ids": ["i00001"]}}).json()["items"]
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"torch", "transformers", "ray"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_SETTLED = """
import gc
from serving.run import settle
class Loop:
    pass
loop = Loop()
loop.itself = loop
settle()
print(gc.get_freeze_count() > 1000, loop in gc.get_objects())
"""


def test_what_was_loaded_is_not_searched_for_garbage_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SETTLED], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "False"]


def test_sigterm_ends_it_while_it_loads() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with _until_sigterm():
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("went on")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture(scope="module")
def server(bundle_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    state = tmp_path_factory.mktemp("state") / "state.sqlite"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"""
from pathlib import Path
from serving.keys import add
from serving.run import run
from serving.site import Site
from serving.watching import Watching
site = Site(bundles=Path({str(bundle_root)!r}), state={str(state)!r}, log=Path({str(state.parent / "log")!r}))
run(site, host="127.0.0.1", port={port}, clock="log", watching=Watching(log="json"))
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            httpx.get(f"{url}/health/ready")
            break
        except httpx.TransportError:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.05)
    yield url, process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_over_a_socket_the_answer_can_be_computed_again(
    server: tuple[str, subprocess.Popen[str]], bundle_root: Path
) -> None:
    bundle = Bundle.load(bundle_root / CURRENT)
    with httpx.Client(base_url=server[0]) as client:
        for user in bundle.users.ids[:10]:
            got = client.post("/v1/recommend", json={"user_id": user, "k": 10}).json()
            as_of = int(np.datetime64(got["as_of"].removesuffix("Z"), "us").astype(np.int64))
            assert bundle.end <= as_of < bundle.end + 600_000_000
            again = bundle.recommender.recommend(bundle.histories([user]), k=10, as_of=as_of)
            assert [i["item_id"] for i in got["items"]] == bundle.catalog.vocabulary.decode(again.item_idx)
            np.testing.assert_allclose([i["score"] for i in got["items"]], again.score, atol=1e-5, rtol=0)


def test_the_process_does_not_say_what_it_is(server: tuple[str, subprocess.Popen[str]]) -> None:
    answer = httpx.get(f"{server[0]}/health/live")
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_without_end_is_cut_off(server: tuple[str, subprocess.Popen[str]]) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 1024

    headers = {"content-type": "application/json"}
    assert httpx.post(f"{server[0]}/v1/recommend", content=endless(), headers=headers).status_code == 413


def test_sigterm_is_an_ordinary_end(server: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = server
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=15)
    assert process.returncode == 0, log
    assert "Traceback" not in log
    told = [json.loads(line) for line in log.splitlines()]
    assert any(line["message"].startswith("Listening on http://127.0.0.1:") for line in told)
    assert {line["status"] for line in told if line["message"] == "request"} == {200, 413}
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/health/live")
