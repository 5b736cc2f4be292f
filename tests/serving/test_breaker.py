"""A store that fails is asked once, and then not until a probe finds it well."""

from pathlib import Path

import pytest

from serving.breaker import Breaker
from serving.sqlite import SqliteStore
from serving.store import Event, Past, StoreError


class Flaky(SqliteStore):
    """A store that fails as it is told to, and counts."""

    well, asked, probed = True, 0, 0

    def past(self, user_id: str, *, since: int) -> Past:
        self.asked += 1
        if not self.well:
            raise StoreError("disk I/O error")
        return super().past(user_id, since=since)

    def latest(self) -> int | None:
        self.probed += 1
        if not self.well:
            raise StoreError("disk I/O error")
        return super().latest()


def test_a_broken_store_is_not_waited_for(tmp_path: Path) -> None:
    store = Flaky(tmp_path / "state")
    event = Event(event_id="e", user_id="ann", item_id="mug", event="view", at=1)
    store.post([event], now=10)
    breaker = Breaker(store)
    assert breaker.past("ann", since=0).events == (event,)
    breaker.probe()
    assert store.probed == 0
    store.well = False
    with pytest.raises(StoreError, match="disk I/O error"):
        breaker.past("ann", since=0)
    for _ in range(5):
        with pytest.raises(StoreError, match=r"The state is not asked until it answers again\."):
            breaker.past("ann", since=0)
    assert store.asked == 2
    breaker.probe()
    with pytest.raises(StoreError, match="not asked"):
        breaker.past("ann", since=0)
    store.well = True
    breaker.probe()
    assert breaker.past("ann", since=0).events == (event,)
    assert (store.asked, store.probed) == (3, 2)
    store.close()
