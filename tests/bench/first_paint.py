"""How long the console takes to be there: python -m tests.bench.first_paint --bundles RUN/bundles [--user ID].

Each load is by a browser that has none of its files. Prints milliseconds from the start of the navigation to the first
paint, the first paint of words, and the list of a user with its titles; then the bytes of the console's files.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from serving import page as files
from tests.bench.load.server import served
from tests.serving.console.browsing import chromium

PAINTS = "performance.getEntriesByType('paint').map(each => [each.name, each.startTime])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=Path, required=True, help="a folder with `current` in it")
    parser.add_argument("--user", default="12347")
    parser.add_argument("--loads", type=int, default=20)
    asked = parser.parse_args()
    with served(asked.bundles, cores=sorted(os.sched_getaffinity(0))) as server, chromium() as browser:
        url = f"http://127.0.0.1:{server.port}/#/customer/{asked.user}"
        found = [load(browser, url) for _ in range(asked.loads)]
    for name in found[0]:
        times = np.array([each[name] for each in found])
        print(f"{name:24s} median {np.median(times):6.0f}   worst {times.max():6.0f} ms")
    print(f"{'files':24s} {sum(len(files.read(name).body) for name in files.FILES):,} bytes in {len(files.FILES)}")


def load(browser: Browser, url: str) -> dict[str, float]:
    """Milliseconds of one load."""
    context = browser.new_context()
    page: Page = context.new_page()
    page.goto(url)
    page.locator(".ranked > li").first.wait_for()
    listed = page.evaluate("performance.now()")
    paints: dict[str, float] = dict(page.evaluate(PAINTS))
    context.close()
    return {**paints, "list of the user": listed}


if __name__ == "__main__":
    main()
