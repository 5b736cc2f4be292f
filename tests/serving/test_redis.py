"""What only the store in Redis does; what every store promises is in test_store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from serving.redis import RedisStore
from serving.store import StoreError
from tests.serving.server import RedisServer


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
    with pytest.raises(StoreError) as wrong:
        store.past("ann", since=0)
    assert str(wrong.value) == "Cannot use the state in Redis: it answers ResponseError WRONGTYPE."
    with pytest.raises(redis.ResponseError, match="recsys:user:ann"):
        client.execute_command("ZNONE", "recsys:user:ann")
    with pytest.raises(StoreError) as unknown:
        store._told(lambda: client.execute_command("ZNONE", "recsys:user:ann"))
    assert str(unknown.value) == "Cannot use the state in Redis: it answers ResponseError."
    store.close()
