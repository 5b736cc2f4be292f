"""What only the store in Redis does; what every store promises is in test_store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from serving.redis import RedisStore
from serving.store import Event, StoreError
from tests.serving.server import RedisServer

EVENT = Event(event_id="e1", user_id="ann", item_id="mug", event="purchase", at=10)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[redis.Redis]:
    server = RedisServer(tmp_path)
    with redis.Redis.from_url(server.url) as client:
        client.url = server.url
        yield client
    server.stop()


def test_an_error_does_not_repeat_the_command(client: redis.Redis) -> None:
    store = RedisStore(client.url)
    client.set("recsys:user:ann", "no set")
    with pytest.raises(StoreError) as read:
        store.past("ann", since=0)
    assert "recsys:user:ann" in str(read.value.__cause__), "the client names the command"
    assert str(read.value) == "Cannot use the state in Redis: it answers ResponseError."
    with pytest.raises(StoreError) as written:
        store.post([EVENT], now=100)
    assert str(written.value) == "Cannot use the state in Redis: it answers ResponseError WRONGTYPE."
    store.close()
