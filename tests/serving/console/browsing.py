"""Debian's Chromium, without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; while it is there nobody else in this thread can run an asyncio loop."""
    with sync_playwright() as playwright:
        # root has no sandbox in a container, and looks at nothing but what the tests serve
        browser = playwright.chromium.launch(
            executable_path=shutil.which(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
