"""The tests' shop behind a port, and a browser that looks at it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from recsys.bundle import CURRENT
from recsys.schema import DAY
from serving.app import create_app
from serving.journal import Journal
from serving.keeping import forgotten_by
from serving.keys import KeyRing, add
from serving.limits import Limits
from serving.sqlite import SqliteStore
from tests.serving.console.browsing import CHROMIUM, chromium
from tests.serving.console.looking import Looking
from tests.serving.listening import listening
from tests.serving.watched import with_reference

MANY = Limits(samples_per_minute=1e6, deadline_ms=20_000)
"""All lists are looked at once more, so that few of them tell of drift; a busy machine changes no list."""


@pytest.fixture(scope="module")
def bundles(bundle_root: Path, ruled_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles in one folder; current is the one that knows what its ranker read."""
    folder = with_reference(bundle_root, tmp_path_factory.mktemp("served"))
    other = (ruled_root / CURRENT).resolve()
    shutil.copytree(other, folder / other.name)
    return folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "log"


@pytest.fixture(scope="module")
def address(bundles: Path, log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the service listens, an hour after the end of its bundle's log."""
    store = SqliteStore(tmp_path_factory.mktemp("state") / "state")
    journal = Journal(log, forgotten=forgotten_by(store))
    with listening(
        create_app(bundles, store=store, clock=lambda end: end + DAY // 24, limits=MANY, log=journal)
    ) as where:
        yield where


@pytest.fixture(scope="module")
def api(address: str) -> Iterator[httpx.Client]:
    """The same API, asked without a browser."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("keys") / "keys"
    made = {role: add(path, name=role, role=role) for role in ("read", "admin")}
    return made | {"path": str(path)}


@pytest.fixture(scope="module")
def guarded(bundles: Path, keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that asks who one is."""
    store = SqliteStore(tmp_path_factory.mktemp("state") / "state")
    ring = KeyRing(Path(keys["path"]))
    with listening(create_app(bundles, store=store, clock=lambda end: end, limits=MANY, keys=ring)) as where:
        yield where


@pytest.fixture(scope="module")  # while it is there no other test can run a loop
def browser() -> Iterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        missing = f"there is no {CHROMIUM} here; .ci/run installs one, `apt-get install {CHROMIUM}` does"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with chromium() as browser:
        yield browser


@pytest.fixture
def looking(browser: Browser, address: str) -> Iterator[Looking]:
    """Somebody who looks at the console; whatever they do, nothing fails and nobody else is asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    faults = watch(page)
    yield Looking(page=page, address=address)
    context.close()
    assert faults == []


def watch(page: Page) -> list[str]:
    """What goes wrong on a page, while it does: errors of scripts, what the policy forbids, whoever else is asked."""
    faults: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # a browser tells of each refusal of the service, which the page tells too
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith("http://127.0.0.1:"):
            faults.append(f"asked {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}") or dialog.dismiss())
    page.on("request", asked)
    return faults
