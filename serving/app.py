"""The service as an ASGI app: what answers, what stands before it, what runs beside it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from recsys.schema import SECOND
from serving import logs
from serving.auth import Auth
from serving.breaker import Breaker
from serving.clock import Clock, wall
from serving.door import door
from serving.failures import Failures
from serving.follower import Follower
from serving.gate import Gate
from serving.guard import Guard
from serving.headers import Headers
from serving.journal import TICK_SECONDS, Journal
from serving.keys import KeyRing
from serving.lane import Lane, one_thread
from serving.limits import USUAL, Limits
from serving.rates import Rates
from serving.routes import Routes
from serving.sampling import Sampler
from serving.store import Store
from serving.switch import Switch
from serving.telemetry import Facts, Telemetry
from serving.watch import Watch, Watcher

POLL_SECONDS = 0.25
"""How long it takes at most until what another worker changed is looked for."""

COUNT_SECONDS = 1.0
"""How long it takes, where little is posted, until the items' counters know it."""


def create_app(
    bundle_root: Path,
    *,
    store: Store,
    clock: Clock = wall,
    limits: Limits = USUAL,
    keys: KeyRing | None = None,
    watchers: Sequence[Watcher] = (),
    log: Journal | None = None,
) -> FastAPI:
    """The service over the bundle that `bundle_root`/current points to, loaded and warmed up.

    Args:
        bundle_root: the folder of bundles.
        store: what users did since; closed when the app ends.
        clock: gives the instant an answer is true for.
        limits: how much may be asked at once, and how long it may take.
        keys: who may ask; None asks nobody for a key.
        watchers: told of each request when it has ended, beside the logs and the metrics.
        log: what is answered and posted, for evaluation; closed when the app ends.

    Raises:
        ArtifactError: no bundle, or one that is not whole.
    """
    lane = Lane("answers", initializer=one_thread)
    desk = Lane("events")  # waits for the disk, so that no answer has to
    bench = Lane("drafts", initializer=one_thread)  # reads a text and copies what it joins, which is no answer's wait
    telemetry = Telemetry(lambda: _facts(switch, clock, sampler, lane))
    sampler = Sampler(limits.samples_per_minute, found_recall=telemetry.recalled)
    breaker = Breaker(store)
    switch = Switch(bundle_root, store=store, breaker=breaker, clock=clock, journal=log, told=telemetry.swapped)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        looks = (switch.follow, switch.clerk.restock, breaker.probe)
        followers = [Follower(look, every=POLL_SECONDS) for look in looks]
        followers.append(Follower(switch.clerk.count, every=COUNT_SECONDS))
        followers += [] if log is None else [Follower(log.tick, every=TICK_SECONDS)]
        yield
        if log is not None:
            log.stop()
        for follower in followers:
            follower.stop()
        for part in (switch, desk, bench, lane, sampler):
            part.close()
        if log is not None:
            log.close()
        store.close()

    app = door(lifespan)
    app.state.switch, app.state.lane, app.state.desk, app.state.bench = switch, lane, desk, bench
    app.state.limits = limits
    app.state.telemetry, app.state.sampler, app.state.journal = telemetry, sampler, log
    routes: Routes = app.state.routes
    # from the innermost outwards
    app.add_middleware(Guard, takes=routes.take, seconds=limits.body_seconds)
    app.add_middleware(Gate, doors=limits.doors)
    if keys is not None:
        app.add_middleware(Auth, routes=routes, keys=keys, rates=Rates())
    app.add_middleware(Failures)
    app.add_middleware(Headers)
    app.add_middleware(Watch, routes=routes, watchers=(telemetry.visited, logs.visited, *watchers))
    return app


def _facts(switch: Switch, clock: Clock, sampler: Sampler, lane: Lane) -> Facts:
    bundle = switch.service.bundle
    drift = sampler.drift_of(bundle.digest)
    return Facts(
        digest=bundle.digest,
        age=(clock(bundle.end) - bundle.end) / SECOND,
        waiting=lane.inside,
        drift_lists=drift.lists if drift else 0,
        drift=drift.distances() if drift else {},
    )
