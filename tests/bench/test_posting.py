"""Every figure is there and above zero."""

from pathlib import Path

from tests.bench.posting import figures


def test_posts_and_drafts_are_measured(bundle_root: Path) -> None:
    found = figures(bundle_root, n_events=200, n_drafts=2)
    assert list(found) == ["event alone, ms", "event of 20, ms", "draft, median ms", "draft, worst ms"]
    assert found["draft, median ms"] > 0
