from pathlib import Path

import pytest

from serving.sqlite import SqliteStore
from serving.store import StoreError
from serving.stores import store_at


def test_a_file(tmp_path: Path) -> None:
    store = store_at(str(tmp_path / "state"))
    assert isinstance(store, SqliteStore)
    store.close()


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(StoreError, match="Cannot use the state"):
        store_at("redis://127.0.0.1:1/0").latest()
