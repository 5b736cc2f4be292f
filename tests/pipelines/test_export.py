"""Lists in a real Redis, as readers see them."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import redis_server
from pipelines.export import export, values
from pipelines.generation import FORMER_SECONDS
from recsys.errors import ArtifactError, UsageError
from serving.store import StoreError
from tests.pipelines.exported import begun, read, written
from tests.serving.server import RedisServer

MANY = {f"u{n:04d}": [f"i{n}", "mug"] for n in range(600)}
OTHERS = {user: ["tea", *items] for user, items in MANY.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")  # a busy disk would be what is waited for
    yield server
    server.stop()


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        yield client


def keys(client: redis.Redis, digest: str) -> set[str]:
    return {key.decode() for key in client.scan_iter(f"recsys:lists:{digest}:*")}


def test_a_reader_finds_a_list_by_two_looks(server, client, tmp_path):
    lists = written(tmp_path / "lists", {"ann": ["mug", "tea"], "bob: *[x]é": ["pot"]}, arm="b")
    digest = export(lists, url=server.url, ttl_hours=None)
    assert client.get("recsys:lists:current").decode() == digest
    assert json.loads(client.get(f"recsys:lists:{digest}:ann")) == {
        "item_id": ["mug", "tea"],
        "score": [1.0, 0.9],
        "arm": "b",
    }
    assert read(client, "bob: *[x]é") == ["pot"]
    assert read(client, "stranger") is None
    assert {key.decode() for key in client.scan_iter()} == {"recsys:lists:current", *keys(client, digest)}
    assert client.ttl("recsys:lists:current") == client.ttl(f"recsys:lists:{digest}:ann") == -1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.lists(st.text(), min_size=1, max_size=3), max_size=5))
def test_whatever_users_and_items_are_called(lists):
    rows = [(user, item, 0.25) for user, items in lists.items() for item in items]
    schema = {"user_id": pl.String, "item_id": pl.String, "score": pl.Float32}
    found = {user: json.loads(told) for user, told in values(pl.DataFrame(rows, schema, orient="row"))}
    assert found == {user: {"item_id": items, "score": [0.25] * len(items)} for user, items in lists.items()}


def test_others_take_their_place_and_the_former_go_soon(server, client, tmp_path, capsys):
    first = export(written(tmp_path / "first", MANY), url=server.url, ttl_hours=None)
    second = export(written(tmp_path / "second", {"u0001": ["pot"]}), url=server.url, ttl_hours=None)
    assert (read(client, "u0001"), read(client, "u0002")) == (["pot"], None)
    assert len(keys(client, first)) == 600
    assert all(0 < client.ttl(key) <= FORMER_SECONDS for key in keys(client, first))
    assert client.ttl(f"recsys:lists:{second}:u0001") == -1
    assert "600 former ones go within a minute" in capsys.readouterr().err
    client.set("recsys:user:ann", "state")
    export(tmp_path / "first", url=server.url, ttl_hours=None)  # back again: nothing of it may go with the former
    assert [client.ttl(key) for key in keys(client, first)] == [-1] * 600
    assert client.ttl("recsys:user:ann") == -1


def test_again_nothing_is_written(server, client, tmp_path, capsys):
    lists = written(tmp_path / "lists", MANY)
    digest = export(lists, url=server.url, ttl_hours=None)
    client.delete(f"recsys:lists:{digest}:u0001")
    assert export(lists, url=server.url, ttl_hours=None) == digest
    assert read(client, "u0001") is None
    assert "are at 127.0.0.1:" in capsys.readouterr().err


def test_lists_of_a_limited_age_go_all_together(server, client, tmp_path):
    digest = export(written(tmp_path / "lists", MANY, size=100), url=server.url, ttl_hours=0.5)
    ends = {client.expiretime(key) for key in [*keys(client, digest), "recsys:lists:current"]}
    assert len(ends) == 1
    assert 1700 < client.ttl("recsys:lists:current") <= 1800
    export(written(tmp_path / "forever", MANY, arm="b"), url=server.url, ttl_hours=None)
    assert client.ttl("recsys:lists:current") == -1


def test_no_reader_is_ever_without_a_list(server, client, tmp_path):
    folders = [written(tmp_path / name, lists, size=50) for name, lists in (("a", MANY), ("b", OTHERS))]
    export(folders[0], url=server.url, ttl_hours=None)
    seen, done = set(), threading.Event()

    def look() -> None:
        with redis.Redis.from_url(server.url) as own:
            while not done.is_set():
                seen.update(tuple(read(own, user) or ()) for user in ("u0000", "u0599"))

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(6):
        export(folders[(turn + 1) % 2], url=server.url, ttl_hours=None)
    done.set()
    reader.join()
    assert seen == {("i0", "mug"), ("i599", "mug"), ("tea", "i0", "mug"), ("tea", "i599", "mug")}


def wait_for(client: redis.Redis, process, parts: int) -> bool:
    """Whether the process was still at work when so many parts were there."""
    while process.is_alive() and client.hlen("recsys:lists:making") < parts + 2:
        time.sleep(0.0002)
    return process.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("parts", [0, 1, 17])
def test_killed_half_way_readers_see_the_former_and_a_rerun_goes_on(server, client, tmp_path, capsys, parts):
    former = export(written(tmp_path / "former", MANY), url=server.url, ttl_hours=None)
    lists = written(tmp_path / "lists", OTHERS, size=2)
    process = begun(lists, server.url)
    assert wait_for(client, process, parts)
    process.kill()
    process.join(30)
    assert {user: read(client, user) for user in MANY} == MANY
    finished = client.hlen("recsys:lists:making") - 2
    assert parts <= finished < 300
    first = f"recsys:lists:{lists_digest(lists)}:u0000"
    client.delete(first)  # a trace of what is not written again
    digest = export(lists, url=server.url, ttl_hours=None)
    assert {user for user in OTHERS if read(client, user) != OTHERS[user]} == ({"u0000"} if finished else set())
    assert ("of 300 parts are there already" in capsys.readouterr().err) == (finished > 0)
    assert len(keys(client, former)) == 600
    assert all(0 < client.ttl(key) <= FORMER_SECONDS for key in keys(client, former))
    assert client.exists("recsys:lists:making", "recsys:lists:lock") == 0
    assert first.split(":")[2] == digest


def lists_digest(lists: Path) -> str:
    return json.loads((lists / "manifest.json").read_text())["digest"]


@pytest.mark.slow
def test_what_was_left_half_way_goes_when_other_lists_come(server, client, tmp_path):
    left = written(tmp_path / "left", OTHERS, size=2)
    process = begun(left, server.url)
    assert wait_for(client, process, 5)
    process.kill()
    process.join(30)
    export(written(tmp_path / "lists", MANY), url=server.url, ttl_hours=None)
    assert keys(client, lists_digest(left))
    assert all(0 < client.ttl(key) <= FORMER_SECONDS for key in keys(client, lists_digest(left)))
    export(left, url=server.url, ttl_hours=None)  # none of its parts counts as written
    assert {user: read(client, user) for user in OTHERS} == OTHERS
    assert all(client.ttl(key) == -1 for key in keys(client, lists_digest(left)))


def test_two_at_once_the_second_says_so(server, client, tmp_path, monkeypatch):
    monkeypatch.setattr(redis_server, "LEASE_SECONDS", 0.2)
    client.set("recsys:lists:lock", "another's")
    with pytest.raises(UsageError, match=r"^Expected to be alone in the lists of Redis at 127.0.0.1:\d+, but another"):
        export(written(tmp_path / "lists", MANY), url=server.url, ttl_hours=None)
    assert client.get("recsys:lists:lock") == b"another's"
    assert client.dbsize() == 1


@pytest.mark.parametrize("lost", ["recsys:lists:lock", "recsys:lists:making"])
def test_what_is_not_whole_is_not_shown(server, client, tmp_path, monkeypatch, lost):
    from pipelines.generation import Generation

    former = export(written(tmp_path / "former", MANY), url=server.url, ttl_hours=None)
    show = Generation.show

    def late(self, *, parts):
        client.delete(lost)
        show(self, parts=parts)

    monkeypatch.setattr(Generation, "show", late)
    lists = written(tmp_path / "lists", OTHERS, size=100)
    with pytest.raises(StoreError, match=r"has lost what was written, .* what they saw before\. Run again to go on\.$"):
        export(lists, url=server.url, ttl_hours=None)
    assert client.get("recsys:lists:current").decode() == former
    monkeypatch.undo()
    export(lists, url=server.url, ttl_hours=None)
    assert {user: read(client, user) for user in OTHERS} == OTHERS


def test_a_lock_that_went_to_another_stops_the_writing(server, client, tmp_path, monkeypatch):
    from pipelines import export as stage

    def late(table):
        client.set("recsys:lists:lock", "another's")
        yield from values(table)

    monkeypatch.setattr(stage, "values", late)
    with pytest.raises(StoreError, match=r"has lost what was written, or given the lock to another process"):
        export(written(tmp_path / "lists", MANY), url=server.url, ttl_hours=None)
    assert client.hlen("recsys:lists:making") == 2
    assert client.get("recsys:lists:lock") == b"another's"


def test_lists_replaced_while_they_are_read_are_refused(server, client, tmp_path, monkeypatch):
    from pipelines.generation import Generation

    lists, begun_ = written(tmp_path / "lists", MANY), Generation.begun

    def late(*arguments, **named):
        written(lists, OTHERS)
        return begun_(*arguments, **named)

    monkeypatch.setattr(Generation, "begun", late)
    with pytest.raises(ArtifactError, match=r"part-00000.parquet was altered while it was read; run again\."):
        export(lists, url=server.url, ttl_hours=None)
    assert read(client, "u0001") is None


def test_a_directory_that_holds_no_whole_lists_is_refused_before_redis_is_asked(tmp_path):
    url = "redis://127.0.0.1:1/0"
    (tmp_path / "none").mkdir()
    with pytest.raises(ArtifactError, match=r"Expected a recommendations at .*none, found no manifest.json"):
        export(tmp_path / "none", url=url, ttl_hours=None)
    with pytest.raises(UsageError, match=r"Expected lists of everybody in .*some, got those of --since alone"):
        export(written(tmp_path / "some", MANY, since=5), url=url, ttl_hours=None)
    (written(tmp_path / "cut", MANY) / "part-00000.parquet").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"part-00000.parquet was altered"):
        export(tmp_path / "cut", url=url, ttl_hours=None)


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("redis://:s3cret@127.0.0.1:1/0", StoreError, r"^Cannot write lists to Redis at 127.0.0.1:1: .*refused; run"),
        ("redis://:s3cret@127.0.0.1:port/0", UsageError, r"^Expected --redis as redis://.*, got another form\.$"),
        ("redis://u:s3cret@host:1/0?colour=red", UsageError, r"^Expected --redis as redis://"),
        ("http://u:s3cret@127.0.0.1/0", UsageError, r"^Expected --redis as redis://"),
        ("s3cret", UsageError, r"^Expected --redis as redis://"),
        ("unix:///none/s.sock?password=s3cret", StoreError, r"^Cannot write lists to Redis at /none/s.sock: "),
    ],
)
def test_a_server_that_is_not_there_has_a_sentence_without_the_password(tmp_path, capsys, url, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        export(written(tmp_path / "lists", MANY), url=url, ttl_hours=None)
    assert "s3cret" not in str(caught.value) + "".join(capsys.readouterr())


def test_a_server_that_turns_us_away_or_takes_no_more(server, client, tmp_path):
    lists = written(tmp_path / "lists", MANY)
    client.config_set("requirepass", "s3cret")
    try:
        for given in ("", ":wr0ng@"):
            with pytest.raises(StoreError, match=r"^Cannot write lists to Redis at") as caught:
                export(lists, url=server.url.replace("//", f"//{given}"), ttl_hours=None)
            assert not re.search("s3cret|wr0ng", str(caught.value))
        known = redis.Redis.from_url(server.url.replace("//", "//:s3cret@"))
        export(lists, url=server.url.replace("//", "//:s3cret@"), ttl_hours=None)
        assert read(known, "u0001") == ["i1", "mug"]
    finally:
        redis.Redis.from_url(server.url.replace("//", "//:s3cret@")).config_set("requirepass", "")
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreError, match=r"^Cannot write lists to Redis at \S+: .*; run again to go on\.$"):
            export(written(tmp_path / "more", OTHERS), url=server.url, ttl_hours=None)
    finally:
        client.config_set("maxmemory", 0)
    assert read(client, "u0001") == ["i1", "mug"]


def test_the_command_reads_the_address_from_the_environment_too(server, client, tmp_path):
    lists = written(tmp_path / "lists", MANY)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "export", "--lists", str(lists)],
        env=os.environ | {"REDIS_URL": server.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{client.get('recsys:lists:current').decode()}\n"
    assert re.search(r"files 1/1  0 s left  users/s \d", done.stderr)
