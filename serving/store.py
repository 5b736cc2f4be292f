"""What the service remembers of its users between two bundles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from recsys.errors import RecsysError
from recsys.schema import Instant


class StoreError(RecsysError):
    """A store that cannot be read or written."""


class ConflictError(RecsysError):
    """An event_id that was used for something else."""

    @classmethod
    def of(cls, event_id: str) -> "ConflictError":
        """About this one."""
        return cls(
            f"event_id {event_id!r} was posted before with another content; give every event a name of its own. "
            "Nothing of this request was kept."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something a user did.

    Attributes:
        event_id: its name; posted twice it counts once.
        user_id: who.
        item_id: with what; the catalogue need not know it.
        event: a role of `schema.EVENTS`.
        at: when, by the client's clock, µs since the epoch.
        value: a rating's stars or a purchase's amount.
        request_id: the answer that led to it.
    """

    event_id: str
    user_id: str
    item_id: str
    event: str
    at: Instant
    value: float | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A user as the store knows them.

    Attributes:
        events: oldest first; those of one instant by event_id, so that the order of arrival leaves no trace. None is
            later than it arrived.
        forgotten: when everything before was erased; None if never.
    """

    events: tuple[Event, ...]
    forgotten: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event, by when it was posted.

    Attributes:
        number: larger than that of every event posted before.
        user_id: whose it is.
        event_id: its name.
    """

    number: int
    user_id: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A bundle that took the place of another.

    Attributes:
        number: from 1, each larger than the one before.
        digest: of the bundle.
    """

    number: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """What an item is by now.

    Attributes:
        number: larger than that of every change before.
        item_id: which.
        columns: its columns as JSON; None where it was taken away.
    """

    number: int
    item_id: str
    columns: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The experiment that runs.

    Attributes:
        number: larger than that of the one before; 0 if there never was one.
        experiment: as JSON; None where none runs.
    """

    number: int
    experiment: str | None


class Store(Protocol):
    """Events by user, changes of items, and swaps; durable once a method returns.

    Safe to use from several threads and processes.
    """

    def post(self, events: Sequence[Event], *, now: Instant) -> int:
        """Keep events; how many were new.

        Args:
            events: all are kept, or none; but what a user did before they were forgotten is nobody's business.
            now: they happened before it, whatever their clock said.

        Raises:
            ConflictError: an event_id that was posted before with another content.
            StoreError: it cannot be written; nothing was kept.
        """
        ...

    def past(self, user_id: str, *, since: Instant, arrived: int | None = None) -> Past:
        """The user's events from an instant on.

        Args:
            user_id: who.
            since: the instant.
            arrived: only events of this number of arrival or a lower one; all if None.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def arrivals(self, *, after: int, limit: int) -> list[Arrival]:
        """The first events whose number is above `after`, ascending, at most `limit`; erased ones are left out.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def forget(self, user_id: str, *, now: Instant) -> int:
        """Erase a user's events, and remember, without the name, that what others know from before `now` is void.

        Returns:
            How many events were erased.

        Raises:
            StoreError: it cannot be written; nothing was erased.
        """
        ...

    def latest(self) -> Instant | None:
        """When the last event happened; None without any.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def change_items(self, items: Mapping[str, str | None]) -> None:
        """Remember what items are by now, for all who share this state.

        Args:
            items: item_id → its columns as JSON, or None where it was taken away; all are kept, or none.

        Raises:
            StoreError: it cannot be written; nothing was kept.
        """
        ...

    def item_changes(self, *, after: int) -> list[ItemChange]:
        """The last change of each item, of numbers above `after`, ascending.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def announce(self, digest: str) -> None:
        """Tell all who share this state that another bundle is to be used.

        Raises:
            StoreError: it cannot be written.
        """
        ...

    def swaps(self, *, after: int) -> list[Swap]:
        """What was announced, of numbers above `after`, ascending.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def run_experiment(self, experiment: str | None) -> None:
        """Tell all who share this state which experiment runs from now on, as JSON; None ends the one that does.

        Raises:
            StoreError: it cannot be written; the one before runs on.
        """
        ...

    def running(self) -> Running:
        """The experiment that runs.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
