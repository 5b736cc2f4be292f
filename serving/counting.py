"""The service with counters of its items that know what was posted since its bundle was made."""

from dataclasses import replace

from recsys.data.interactions import Histories
from serving.service import Service

AT_ONCE = 500
"""Events counted in one go: less than half a second beside the answers."""


def counted(service: Service) -> Service:
    """The service that has counted the next events that were posted, `AT_ONCE` or fewer; the same if there are none.

    What a user adds to the counters is taken back as it was and added as it is, so that it does not matter in which
    order events arrive, and a return takes its purchase back. What was counted of a user who is erased later stays in
    the sums, in which nobody can be found, until the next bundle or start.

    Raises:
        StoreError: the state cannot be read.
    """
    store, bundle = service.store, service.bundle
    arrivals = store.arrivals(after=service.counted, limit=AT_ONCE)
    if not arrivals:
        return service
    fresh, now = {arrival.event_id for arrival in arrivals}, arrivals[-1].number
    users = tuple(dict.fromkeys(arrival.user_id for arrival in arrivals))
    pasts = [store.past(user, since=bundle.end, arrived=now) for user in users]
    earlier = [
        replace(past, events=tuple(each for each in past.events if each.event_id not in fresh)) for past in pasts
    ]
    before, after = (
        Histories.concat([service.row(user, past) for user, past in zip(users, which, strict=True)])
        for which in (earlier, pasts)
    )
    snapshot = bundle.recommender.snapshot.moved(before, after, as_of=service.clock(bundle.end))
    recommender = replace(bundle.recommender, snapshot=snapshot)
    return replace(service, bundle=replace(bundle, recommender=recommender), counted=now)
