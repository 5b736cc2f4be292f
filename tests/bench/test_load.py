"""The load generator, against a server whose times are known."""

import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import uvicorn

from tests.bench.load.catalogue import EVENTS_A_USER, around_tastes, items, log
from tests.bench.load.client import BROKEN, NO_ANSWER, Client, even, message, poisson
from tests.bench.load.measure import saturation, shares

STALL = 0.4


async def app(scope, receive, send) -> None:
    """Says what it was asked; /stall keeps everybody waiting, /busy refuses, /slow takes 20 ms of the only thread."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/stall":
        time.sleep(STALL)
    if scope["path"] == "/slow":
        time.sleep(0.02)
    body = (await receive())["body"]
    status = 503 if scope["path"] == "/busy" else 200
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: server.run([listener]))
    thread.start()
    yield Client(listener.getsockname()[1])
    server.should_exit = True
    thread.join()
    listener.close()


def test_visitors_come_at_the_rate_and_the_same_ones_by_the_same_seed() -> None:
    at = poisson(50, 20_000, seed=1)
    assert at[-1] == pytest.approx(400, rel=0.03)
    assert (np.diff(at) > 0).all()
    np.testing.assert_array_equal(at, poisson(50, 20_000, seed=1))


def test_or_one_after_the_other() -> None:
    assert even(50, 3).tolist() == [0.02, 0.04, 0.06]


def test_each_is_answered_once(client: Client) -> None:
    load = client.load(poisson(200, 100, seed=0), [message("/", b"x" * 300_000), message("/busy", b"{}")])
    assert load.status[::2].tolist() == [200] * 50
    assert load.status[1::2].tolist() == [503] * 50
    assert np.isfinite(load.latency).all()
    assert (load.latency > 0).all()
    assert shares(load) == "200 50.00%, 503 50.00%"


def test_who_would_have_come_during_a_stall_is_counted(client: Client) -> None:
    at = np.arange(40) * 0.01
    messages = [message("/stall", b""), *[message("/", b"")] * 39]
    load = client.load(at, messages)
    # the first takes STALL; the one that was to leave t later waits for what is left of it
    assert (load.latency >= STALL - at - 0.02).all()
    assert load.quantile(0.5) >= 100


def test_who_is_not_answered_in_time_has_no_latency(client: Client) -> None:
    load = client.load(np.array([0.0, 0.01]), [message("/stall", b"")], patience=0.1)
    assert load.status.tolist() == [NO_ANSWER, NO_ANSWER]
    assert np.isinf(load.latency).all()
    time.sleep(2 * STALL)


def test_a_closed_connection_is_told() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        for _ in range(2):
            listener.accept()[0].close()

    threading.Thread(target=hang_up, daemon=True).start()
    load = Client(listener.getsockname()[1]).load(np.array([0.0, 0.05]), [message("/", b"")])
    assert load.status.tolist() == [BROKEN, BROKEN]
    listener.close()


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert Client(port).load(np.array([0.0, 0.01]), [message("/", b"")]).status.tolist() == [BROKEN, BROKEN]


@pytest.mark.slow
def test_saturation_is_what_the_server_can_do(client: Client) -> None:
    found = saturation(client, [message("/slow", b"")], seconds=1)  # 20 ms each, one after the other: at most 50
    assert 5 <= found <= 50 * 1.1


def test_the_good_ones_give_the_quantiles(client: Client) -> None:
    load = client.load(np.arange(10) * 0.02, [message("/busy", b"")])
    assert np.isnan(load.quantile(0.5))
    assert len(load.part(0.05, 0.11).at) == 3


def test_a_made_up_catalogue_has_tastes_that_vectors_and_users_keep_to() -> None:
    rng = np.random.default_rng(0)
    tastes = rng.integers(6, size=600)
    catalog, events, vectors = items(tastes, rng), log(tastes, 30, rng).events, around_tastes(tastes, 64, rng)
    assert catalog["item_id"].n_unique() == 600
    assert len(events) == 30 * EVENTS_A_USER
    assert (tastes[events["item_idx"]] == events["user_idx"].to_numpy() % 6).all()
    alike, close = tastes[:, None] == tastes, vectors @ vectors.T
    np.testing.assert_allclose(np.diag(close), 1, atol=1e-5)
    assert close[alike].mean() > 0.4 > 0.2 > abs(close[~alike].mean())
