"""What is done at the desk: events come in, users are told of, and erased."""

import math

from recsys.schema import EVENTS, moment
from serving.history import posted
from serving.record import post_line
from serving.service import Service
from serving.state_schemas import LATEST_EVENTS, Erased, EventsRequest, Receipt, User, UserEvent


def post(service: Service, request: EventsRequest) -> Receipt:
    """Remember what users did.

    Raises:
        HistoryError: an event that lies further in the future than clocks differ.
        ConflictError: an event_id that was used before for something else.
        StoreError: the state cannot be written.
        LogError: the log cannot; to be posted again, the state counts it once.
    """
    now, known = service.now, service.bundle.catalog.vocabulary.index
    events = [posted(n, event, now) for n, event in enumerate(request.events)]
    accepted = service.store.post(events, now=now)
    if service.journal is not None:
        service.journal.append(post_line(events, at=now))
    service.breaker.probe()  # the next answer must know of it
    unknown = [event.item_id for event in request.events if event.item_id not in known]
    return Receipt(accepted=accepted, unknown_items=list(dict.fromkeys(unknown)))


def user(service: Service, user_id: str) -> User | None:
    """What is known of a user; None if nothing is.

    Raises:
        StoreError: the state cannot be read.
    """
    row = service.known(service.store, user_id)
    ids = service.bundle.catalog.vocabulary.ids
    columns = (column[: -LATEST_EVENTS - 1 : -1].tolist() for column in (row.item_idx, row.event, row.at, row.value))
    latest = [
        UserEvent(
            item_id=ids[item], event=EVENTS[event], timestamp=moment(at), value=None if math.isnan(value) else value
        )
        for item, event, at, value in zip(*columns, strict=True)
    ]
    return User(user_id=user_id, events=len(row.item_idx), latest=latest) if latest else None


def forget(service: Service, user_id: str) -> Erased:
    """Erase a user: from now on a newcomer, also where the bundle knows better.

    Raises:
        StoreError: the state cannot be written.
    """
    return Erased(user_id=user_id, erased=service.store.forget(user_id, now=service.now))
