"""Whether a bundle answers as it would in the service: python -m pipelines.smoke BUNDLE."""

import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys.errors import RecsysError

if TYPE_CHECKING:
    from recsys.bundle import Bundle
    from serving.reply import Reply
    from serving.service import Service

ASKED = 20
"""Known users who ask, evenly spread over all."""

NEWCOMER = "nobody-knows-this-user"


class SmokeError(RecsysError):
    """A bundle that does not answer."""


def smoke(bundle: Path) -> None:
    """Ask a bundle for lists, as the service would at the end of its log, and look at them.

    The newcomer must get a list, and so must somebody the bundle knows: a user may have taken all there is.

    Raises:
        ArtifactError: a file is missing or altered.
        SmokeError: no answer, or one that cannot be right; it says whose and why, never what was in it.
    """
    from serving.breaker import Breaker  # all that answers: who only starts the process needs none of it
    from serving.clock import log
    from serving.service import Service
    from serving.sqlite import SqliteStore

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "state.sqlite")
        try:
            service = Service.open(bundle, store=store, breaker=Breaker(store), clock=log())
            known = [_asked(service, user) for user in _spread(service.bundle)]
            newcomer, digest = _asked(service, NEWCOMER), service.bundle.digest
        finally:
            store.close()
    if not newcomer or not any(known):
        who = "of those it knows" if newcomer else "who is new"
        raise SmokeError(f"Expected lists from bundle {digest[:12]}…, got none for anybody {who}; release it anew.")


def in_own_process(bundle: Path) -> None:
    """The same where a crash of a library harms nobody else.

    Raises:
        SmokeError: it failed; it has told why on stderr.
    """
    done = subprocess.run([sys.executable, "-m", __name__, str(bundle)])
    if done.returncode != 0:
        raise SmokeError(f"Expected bundle {bundle.name[:12]}… to answer, got exit code {done.returncode}.")


def _asked(service: "Service", user_id: str) -> int:
    """How many items the user gets.

    Raises:
        SmokeError: no answer, or one that cannot be right.
    """
    from serving.schemas import RecommendRequest

    try:
        reply = service.recommend(RecommendRequest(user_id=user_id))
        wrong = _wrong(reply, service.bundle.catalog.vocabulary.ids)
    except Exception as error:
        raise SmokeError(
            f"Expected an answer from bundle {service.bundle.digest[:12]}…, got {type(error).__name__}."
        ) from error
    if wrong:
        raise SmokeError(f"Expected a right answer from bundle {service.bundle.digest[:12]}…, got {wrong}.")
    return len(reply.items)


def _wrong(reply: "Reply", known: Sequence[str]) -> str:
    """What cannot be right about an answer, in words; empty where all may be."""
    ids = [place.item_id for place in reply.items]
    if reply.degraded:
        return f"one without {', '.join(reply.degraded)}"
    if len(set(ids)) < len(ids) or not set(ids) <= set(known):
        return "an item twice, or one that the catalogue does not have"
    if not all(math.isfinite(place.score) and 0 <= place.interest <= 1 for place in reply.items):
        return "scores that are no numbers"
    return ""


def _spread(bundle: "Bundle") -> list[str]:
    ids = bundle.users.ids
    return [ids[int(row)] for row in np.linspace(0, len(ids) - 1, min(ASKED, len(ids)))] if len(ids) else []


if __name__ == "__main__":
    try:
        smoke(Path(sys.argv[1]))
    except RecsysError as error:
        print(f"recsys: {error}", file=sys.stderr)
        sys.exit(1)
