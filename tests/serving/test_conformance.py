"""The service does what openapi.json says: schemathesis invents requests from it, right and wrong ones."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    positive_data_acceptance,
    unsupported_method,
)

from serving.app import create_app
from serving.keys import KeyRing, add
from serving.openapi import COMMITTED
from serving.sqlite import SqliteStore
from tests.serving.listening import listening

CASES = 10
"""Requests invented for each route, beside those that cover the corners of its schema."""

UNSAID = (
    "bytes of UTF-8, got",
    "expected min at most max, got",
    "expected an instant before",
    ", as in the path, or none, got",
    "expected a year from 2 to 9998",
    "expected arms of different names other than",
    "expected shares of arms that sum to 1, got",
    "expected start before end",
    "expected two bundles to interleave, got",
    "expected policy deterministic in an arm that interleaves, got",
)
"""Refusals for what a JSON schema has no words for."""

counted: Counter[int] = Counter()
"""Cases so far, by the status of their answer."""

schema = schemathesis.openapi.from_path(str(COMMITTED))
unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def bearer(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """The headers of a key that may do everything, and the file it is in."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    return {"Authorization": f"Bearer {add(path, name='admin', role='admin')}"}, path


@pytest.fixture(scope="module")
def address(bundle_root: Path, bearer: tuple[dict, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = SqliteStore(tmp_path_factory.mktemp("state") / "state")
    app = create_app(bundle_root, store=store, clock=lambda end: end, keys=KeyRing(bearer[1]))
    with listening(app) as address:
        yield address
    print(f"{sum(counted.values())} cases, by status: {dict(sorted(counted.items()))}")


def keeps_its_word(case: schemathesis.Case, address: str, headers: dict[str, str]) -> None:
    answer = case.call(base_url=address, headers=headers)
    counted[answer.status_code] += 1
    beyond = [positive_data_acceptance] if any(word in answer.text for word in UNSAID) else []
    if case.operation.path.endswith("}/similar"):
        beyond += [unsupported_method, allow_header_conformance]  # PUT …/a/similar is of an item named a/similar
    case.validate_response(
        answer,
        headers=headers,
        transport_kwargs={"base_url": address, "headers": headers},
        excluded_checks=beyond,
    )


@schema.exclude(path="/v1/recommend").parametrize()  # whose requests are those of /v1/rank, but for one field
@settings(unhurried, max_examples=CASES)
def test_each_route_keeps_its_word(case: schemathesis.Case, address: str, bearer: tuple[dict, Path]) -> None:
    keeps_its_word(case, address, bearer[0])


@pytest.mark.prove
@schema.parametrize()
@settings(unhurried, max_examples=50 * CASES)
def test_each_route_keeps_its_word_many_times(case: schemathesis.Case, address: str, bearer: tuple[dict, Path]) -> None:
    keeps_its_word(case, address, bearer[0])
