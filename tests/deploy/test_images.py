"""What is in an image, and what it starts: told from its Dockerfile, as no engine is needed for these tests."""

import importlib.metadata
import json
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import recsys
from recsys.data.download import default_cache
from recsys.errors import UsageError
from serving.run import check_host
from tests.deploy.files import DOCKERFILES, ROOT, builds, dockerfile, source, understood

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
)
PINNED = {canonicalize_name(name): version for name, version in PINS.items()}
CUDA = re.compile(r"nvidia|triton|cuda")


def installed(extras: str) -> set[str]:
    """All that pip would install for `.[extras]`, by the metadata of what is installed here."""
    wanted = [*PROJECT["dependencies"]]
    for extra in extras.split(","):
        wanted += PROJECT["optional-dependencies"][extra]
    todo, seen, names = [Requirement(text) for text in wanted], set(), set()
    while todo:
        one = todo.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key in seen:
            continue
        seen.add(key)
        names.add(key[0])
        for text in importlib.metadata.requires(one.name) or []:
            other = Requirement(text)
            marker = other.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*one.extras, "")):
                todo.append(other)
    return names


def extras(image: str) -> str:
    """What `.[…]` is in the image."""
    build = builds()[image]
    (line,) = [i.text for i in dockerfile(build["file"]) if " pip install " in i.text]
    (named,) = re.findall(r'"\.\[(.*)\]"', line)
    default = next((i.text for i in dockerfile(build["file"]) if i.text.startswith("EXTRAS=")), "EXTRAS=")
    return named.replace("${EXTRAS}", build.get("EXTRAS", default.removeprefix("EXTRAS=")))


@pytest.mark.parametrize(
    ("image", "has", "lacks"),
    [
        ("recsys-serving", {"redis", "fastapi", "onnxruntime"}, {"torch", "transformers", "ray", "peft", "optuna"}),
        ("recsys-ray", {"redis", "fastapi", "ray", "aiohttp"}, {"torch", "transformers", "peft", "optuna"}),
        ("recsys-training", {"torch", "transformers", "ray", "aiohttp", "pandas", "redis"}, {"pytest", "mypy"}),
    ],
)
def test_an_image_has_what_it_needs_and_no_more(image: str, has: set[str], lacks: set[str]) -> None:
    names = installed(extras(f"{image}:{recsys.__version__}"))
    assert has <= names
    assert not lacks & names
    assert not [name for name in names if CUDA.search(name)]
    assert names - {"cloudpickle", "setuptools"} <= set(PINNED)


def test_images_are_of_this_version() -> None:
    assert set(builds()) == {f"recsys-{name}:{PROJECT['version']}" for name in ("serving", "ray", "training")}
    assert PROJECT["version"] == recsys.__version__


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_keeps_the_rules(name: str) -> None:
    lines = dockerfile(name)
    last = [i for i in lines if i.stage == max(i.stage for i in lines)]
    assert [i.text for i in lines if i.name == "ARG" and i.stage == 0] == ["BASE=python:3.11-slim-bookworm"]
    assert [i.text.split(" AS ")[0] for i in lines if i.name == "FROM"] == ["${BASE}", "${BASE}"]
    assert not {"ADD", "MAINTAINER", "SHELL", "ONBUILD"} & {i.name for i in lines}
    assert [i.text for i in last if i.name == "USER"] == ["10001:10001"]
    assert "--uid 10001 --user-group" in " ".join(i.text for i in last if i.name == "RUN")
    assert not [i for i in lines if i.name in {"ENV", "ARG"} and re.search(r"PASSWORD|SECRET|TOKEN|_KEY", i.text)]
    for run in (i.text for i in lines if i.name == "RUN"):
        assert "sudo" not in run
        assert "pip install" not in run or {"--no-cache-dir", "-c"} <= set(run.split())
        assert "apt-get install" not in run or ("--no-install-recommends" in run and "rm -rf /var/lib/apt/lists" in run)
    for command in (json.loads(i.text) for i in last if i.name in {"ENTRYPOINT", "CMD"}):
        assert all(isinstance(word, str) for word in command)  # no shell between the signal and the process
    absolute = [i.text for i in lines if i.name == "WORKDIR"]
    assert all(Path(folder).is_absolute() for folder in absolute)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_exists_is_let_in_and_is_all_there_is(name: str) -> None:
    copied = [i.text.split()[:-1] for i in dockerfile(name) if i.name == "COPY" and "--from" not in i.text]
    wanted = {path for paths in copied for path in paths}
    everything, *allowed = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    assert everything == "*"
    let_in = {line.removeprefix("!") for line in allowed if line.startswith("!")}
    assert let_in == wanted | ({"deploy/slim.py"} if name == "training" else set())  # which is for serving only
    assert [path for path in wanted if not (ROOT / path).exists()] == []
    packages = {path for path in wanted if (ROOT / path).is_dir()}
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {f"{package}*" for package in packages} == set(setup)
    assert {"pyproject.toml", "constraints.txt", PROJECT["readme"]} <= wanted


@pytest.mark.parametrize(
    ("name", "found", "made"),
    [
        ("serving", "torch", False),
        ("serving", "torch-2.13.0.dist-info", False),
        ("serving", "nvidia_cublas_cu12-1.dist-info", False),
        ("serving", "threadpoolctl.py", True),
        ("training", "torch", True),
        ("training", "triton", False),
        ("training", "nvidia", False),
    ],
)
def test_an_image_with_too_much_is_not_made(name: str, found: str, made: bool, tmp_path: Path) -> None:
    (check,) = [i.text for i in dockerfile(name) if i.name == "RUN" and i.text.startswith("! ls")]
    folder = tmp_path / "made/lib/python3.11/site-packages"
    (folder / found).mkdir(parents=True)
    done = subprocess.run(["sh", "-c", check.replace("/made", f"{tmp_path}/made")], capture_output=True, check=False)
    assert (done.returncode == 0) == made


def test_torch_is_pinned() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", PINNED["torch"])
    assert "/whl/cpu" in source("training")


def test_the_system_library_is_needed() -> None:
    """What apt-get installs, and nothing more."""
    files = importlib.metadata.files("lightgbm")
    assert files is not None
    assert not [path for path in files if "libgomp" in path.name]
    (library,) = [path for path in files if path.name == "lib_lightgbm.so"]
    assert b"libgomp.so.1\0" in Path(library.locate()).read_bytes()
    for name in DOCKERFILES:
        (line,) = [i.text for i in dockerfile(name) if i.stage == 2 and "apt-get" in i.text]
        assert "--no-install-recommends libgomp1 &&" in line


def test_what_strips_libraries_stays_behind() -> None:
    """The serving image is slimmed after all is installed, in the stage that is thrown away."""
    lines = dockerfile("serving")
    (tool,) = [i for i in lines if i.stage == 1 and "apt-get" in i.text]
    assert "--no-install-recommends binutils &&" in tool.text
    (slimming,) = [i for i in lines if i.text == "python deploy/slim.py /made/lib/python3.11/site-packages"]
    (copied,) = [i for i in lines if i.text == "deploy/slim.py deploy/slim.py"]
    (installing,) = [i for i in lines if " pip install " in i.text]
    assert slimming.stage == 1
    assert lines.index(tool) < lines.index(slimming) > lines.index(installing)
    assert lines.index(copied) < lines.index(slimming)
    assert "--prefix=/made" in installing.text.split()


def command(name: str, kind: str) -> list[str]:
    """The words of the last CMD or ENTRYPOINT."""
    words: list[str] = json.loads([i.text for i in dockerfile(name) if i.name == kind][-1])
    return words


def test_the_service_listens_everywhere_and_asks_for_keys() -> None:
    assert command("serving", "ENTRYPOINT") == ["recsys"]
    told = understood(command("serving", "CMD"))
    assert told["command"] == "serve"
    with pytest.raises(UsageError):
        check_host(told["host"])
    assert told["keys"] == Path("/run/secrets/keys")
    assert f"EXPOSE {told['port']}\n" in source("serving")
    assert told["workers"] == 1


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_CACHE", "/data/cache")
    assert "RECSYS_CACHE=/data/cache" in source("training")
    assert default_cache() == Path("/data/cache")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/compiled")
    asking = [sys.executable, "-c", "import numba; print(numba.config.CACHE_DIR)"]
    told = subprocess.run(asking, capture_output=True, text=True, check=True)
    assert told.stdout == "/compiled\n"
    assert "NUMBA_CACHE_DIR=/compiled\n" in source("serving")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/compiled/python")
    asking = [sys.executable, "-c", "import sys; print(sys.pycache_prefix)"]
    assert subprocess.run(asking, capture_output=True, text=True, check=True).stdout == "/compiled/python\n"
    assert "PYTHONPYCACHEPREFIX=/compiled/python " in source("serving")


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_health_is_what_the_service_says(status: int | None, healthy: bool) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status or 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    asked: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), Health)
    (check,) = [i.text for i in dockerfile("serving") if i.name == "HEALTHCHECK"]
    words = json.loads(check.partition(" CMD ")[2])
    assert words[0] == "python"
    code = words[2].replace("8000", str(server.server_port))
    assert code != words[2]
    if status is None:
        server.server_close()
    else:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    finally:
        if status is not None:
            server.shutdown()
            server.server_close()
    assert (done.returncode == 0) == healthy
    assert asked == ([] if status is None else ["/health/ready"])
