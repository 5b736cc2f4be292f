"""A store that fails is not waited for by every answer."""

from recsys.schema import Instant
from serving.store import Past, Store, StoreError


class Breaker:
    """Reads users from a store until it fails; from then on fails at once, until `probe` finds it well again.

    The circuit breaker of Nygard, Release It! (2007). The probe is another thread's, so that no answer waits for it.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._broken = store, False

    def past(self, user_id: str, *, since: Instant) -> Past:
        """As `Store.past` has it.

        Raises:
            StoreError: it cannot be read, or could not when it was last tried.
        """
        if self._broken:
            raise StoreError("The state is not asked until it answers again.")
        try:
            return self._store.past(user_id, since=since)
        except StoreError:
            self._broken = True
            raise

    def probe(self) -> None:
        """Try a store that failed."""
        if self._broken:
            try:
                self._store.latest()
            except StoreError:
                return
            self._broken = False
