"""Parts of a log that a policy is judged in apart."""

import json

import numpy as np
import polars as pl

from recsys.evaluation.off_policy.log.labels import Labels
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.schema import BoolArray

MOST = 12
"""Parts that one kind is cut into, at most; the largest are told."""


def parts(logged: Logged) -> dict[str, BoolArray]:
    """Part → bool (n,), its requests. A kind that has only one part is left out."""
    found = {**_labelled("arm", logged.arm), **_labelled("request", _kinds(logged)), **_users(logged)}
    half = np.arange(len(logged)) < len(logged) // 2
    return found | {"first half": half, "second half": ~half}


def _labelled(kind: str, labels: Labels) -> dict[str, BoolArray]:
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(labels.names))
    largest = np.argsort(-counts, kind="stable")[:MOST]
    names = labels.names.to_list()
    found = {f"{kind} {names[code]}": labels.codes == code for code in sorted(largest.tolist()) if counts[code]}
    return found if len(found) > 1 else {}


def _kinds(logged: Logged) -> Labels:
    """Of each request: recommend, rank, or whatever it was."""
    kinds = [_kind(text) for text in logged.request.names.to_list()]
    codes = logged.request.codes
    texts = pl.Series([None, *kinds], dtype=pl.String).gather(pl.Series(codes + 1))
    return Labels.of(texts)


def _kind(request: str) -> str | None:
    try:
        found = json.loads(request)
    except json.JSONDecodeError:
        return None
    kind = found.get("kind") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) else None


def _users(logged: Logged) -> dict[str, BoolArray]:
    """By how often a user asked: those who did so more often than half of all users, and the others."""
    user = logged.user_idx
    asked = np.bincount(user)
    usual = int(np.median(asked[asked > 0]))
    often = asked[user] > usual
    if often.all() or not often.any():
        return {}
    return {f"users with up to {usual} answers": ~often, f"users with more than {usual}": often}
