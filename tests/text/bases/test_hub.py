"""Bases by name, from a hub on this machine."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from huggingface_hub import constants

from recsys.artifacts import sha256
from recsys.errors import FetchError
from recsys.text.bases import hub
from recsys.text.encoder import TransformerEncoder

COMMIT = "c0ffee" + "0" * 34


class Hub:
    """Serves one folder as mine/tiny: the list of its files, their heads and bodies."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                outer.answer(self, body=False)

            def do_GET(self):
                outer.answer(self, body=True)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request, *, body):
        path = request.path.split("?")[0]
        self.asked.append(path)
        status, headers, content = self.found(path)
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        if body:
            request.wfile.write(content)

    def found(self, path):
        kind, listed = {"Content-Type": "application/json"}, sorted(self.folder.iterdir())
        if path == "/api/models/mine/tiny/revision/main":
            files = [{"rfilename": p.name} for p in listed]
            return 200, kind, json.dumps({"id": "mine/tiny", "sha": COMMIT, "siblings": files}).encode()
        if path == f"/api/models/mine/tiny/tree/{COMMIT}":
            files = [{"type": "file", "path": p.name, "size": p.stat().st_size, "oid": sha256(p)[:40]} for p in listed]
            return 200, kind, json.dumps(files).encode()
        if path.startswith("/api/models/mine/tiny/revision/"):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if path.startswith("/api/models/mine/gated/"):
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        file = self.folder / path.removeprefix(f"/mine/tiny/resolve/{COMMIT}/")
        if path.startswith("/mine/tiny/resolve/") and file.is_file():
            return 200, {"ETag": f'"{sha256(file)}"', "X-Repo-Commit": COMMIT}, file.read_bytes()
        return 404, {"X-Error-Code": "RepoNotFound"}, b""


@pytest.fixture
def mine(base, tmp_path):
    folder = shutil.copytree(base, tmp_path / "mine")
    for name in ("pytorch_model.bin", "modeling_tiny.py"):
        (folder / name).write_text("raise SystemExit")
    return folder


@pytest.fixture
def served(mine, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub_here = Hub(mine)
    thread = threading.Thread(target=hub_here.server.serve_forever, daemon=True)
    thread.start()
    yield hub_here
    hub_here.server.shutdown()
    hub_here.server.server_close()
    thread.join()


def fetch(served, cache, name="mine/tiny", **settings):
    return hub.fetch(name, endpoint=served.address, cache=cache, **settings)


def test_safetensors_and_tokenizer_come_and_no_code(served, base, tmp_path):
    folder = fetch(served, tmp_path / "cache")
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    theirs, ours = (TransformerEncoder.of_base(f, max_tokens=16, pooling="mean") for f in (folder, base))
    assert np.array_equal(theirs.encode(["red oven"]), ours.encode(["red oven"]))
    assert theirs.digest == ours.digest
    assert not [path for path in served.asked if path.endswith((".bin", ".py"))]


def test_a_second_time_and_without_the_hub_it_is_in_the_cache(served, tmp_path, monkeypatch):
    folder = fetch(served, tmp_path / "cache")
    served.asked.clear()
    assert fetch(served, tmp_path / "cache") == folder
    assert not [path for path in served.asked if path.endswith("model.safetensors")]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(served, tmp_path / "cache") == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    served.server.shutdown()
    served.server.server_close()
    assert fetch(served, tmp_path / "cache") == folder


def test_neither_hub_nor_cache(served, tmp_path, monkeypatch):
    sentence = r"mine/tiny is not in the cache and the hub cannot be reached .* set encoder.base to a folder with"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match=sentence):
        fetch(served, tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(FetchError, match=sentence):
        hub.fetch("mine/tiny", endpoint="http://127.0.0.1:9", cache=tmp_path)


def test_what_the_hub_does_not_have(served, mine, tmp_path):
    with pytest.raises(FetchError, match=r"Expected encoder.base as a folder or a model on the hub, found .*'no/such'"):
        fetch(served, tmp_path, "no/such")
    with pytest.raises(FetchError, match=r"Expected encoder.revision as a branch, .* of mine/tiny, got 'v9'"):
        fetch(served, tmp_path, revision="v9")
    with pytest.raises(FetchError, match=r"mine/gated is given out only to those who accepted its terms"):
        fetch(served, tmp_path, "mine/gated")
    (mine / "model.safetensors").unlink()
    with pytest.raises(FetchError, match=r"Expected safetensors weights in mine/tiny at 'main', its .* has none"):
        fetch(served, tmp_path)


@pytest.mark.parametrize(
    ("base", "name"),
    [("google-bert/bert-base-uncased", True), ("FacebookAI/xlm-roberta-base", True), ("BAAI/bge-small-zh-v1.5", True)]
    + [(base, False) for base in ("all-MiniLM-L6-v2", "/a/b", "./a", "../a/b", "a/b/c", "scratch", "")],
)
def test_what_can_be_a_name(base, name):
    assert hub.is_name(base) is name
