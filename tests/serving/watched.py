"""Apps whose metrics, lines and visits a test can read."""

import shutil
from pathlib import Path

import numpy as np
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from recsys.bundle import CURRENT, Bundle, release, seal
from recsys.ranking.observation import observe
from recsys.ranking.reference import Reference


def samples(app: FastAPI) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) → value, as GET /metrics tells them."""
    families = text_string_to_metric_families(app.state.telemetry.text().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(app: FastAPI, name: str, **labels: str) -> float:
    """One sample; 0 where it was never made."""
    return samples(app).get((name, tuple(sorted(labels.items()))), 0.0)


def with_reference(bundle_root: Path, work: Path, *, n_users: int = 60) -> Path:
    """A folder of bundles with one in it that knows what its ranker read."""
    copy = Path(shutil.copytree((bundle_root / CURRENT).resolve(), work / "written"))
    bundle = Bundle.load(copy)
    recommender = bundle.recommender
    assert recommender.ranker
    histories = bundle.snapshot.take(np.arange(n_users))
    Reference.of(observe(recommender.snapshot, recommender.ranker, histories, as_of=bundle.end)).save(copy)
    seal(copy, note={})
    release(copy, work / "bundles")
    return work / "bundles"
