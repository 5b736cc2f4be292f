"""What a running service and a night must know of each other: items and bundles in use there, a new one made here."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pipelines.shelf import Shelf
from serving.store import Store, StoreError


def needed(state: str | None, bundles: Path) -> set[str]:
    """Digests of the bundles that the experiment names and of the one last announced.

    Args:
        state: as for `recsys serve`; None is the file beside the bundles, where no service may have run yet.
        bundles: the folder of bundles.

    Raises:
        StoreError: it cannot be read, or the experiment cannot: then nobody knows what is needed.
    """
    with _store(state, bundles) as store:
        if store is None:
            return set()
        told = store.running().experiment
        try:
            arms = () if told is None else _named(told)
        except ValidationError as error:
            raise StoreError("The experiment that runs cannot be read; end it by DELETE /v1/experiment.") from error
        return {digest for digest in arms if digest is not None} | {swap.digest for swap in store.swaps(after=0)[-1:]}


def shelf(state: str | None, bundles: Path) -> Shelf:
    """What the service was told of items; nothing where none has run.

    Raises:
        StoreError: it cannot be read.
    """
    with _store(state, bundles) as store:
        return Shelf.of([] if store is None else store.item_changes(after=0))


def announce(digest: str, state: str | None, bundles: Path) -> None:
    """Let all processes that answer take up a bundle, unless it is what they were last told of.

    Raises:
        StoreError: they cannot be told.
    """
    with _store(state, bundles) as store:
        if store is not None and [swap.digest for swap in store.swaps(after=0)[-1:]] != [digest]:
            store.announce(digest)


def _named(experiment: str) -> tuple[str | None, ...]:
    from serving.experiments import Experiment  # with all that draws lists: only where there is one

    return Experiment.model_validate_json(experiment).bundles


@contextlib.contextmanager
def _store(state: str | None, bundles: Path) -> Iterator[Store | None]:
    beside = bundles.absolute().parent / "serving"
    if state is None and not beside.is_dir():
        yield None
        return
    from serving.site import STATE, opened  # with the service's settings: only where one has run

    if state is None and not (beside / STATE).exists():
        yield None
        return
    store = opened(state, bundles)
    try:
        yield store
    finally:
        store.close()
