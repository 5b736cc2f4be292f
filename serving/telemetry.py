"""Counters and histograms of one process, in Prometheus' text form; labels come from the code, never from a client."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    Summary,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.reply import Reply
from serving.visit import Visit

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"
"""The label of what there are too many of, or what is no name of ours."""

MOST = 100
"""Different values of a label, at most."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_SECONDS = (0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2.5)
_STAGE_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.02, 0.05, 0.1, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is served at a moment.

    Attributes:
        digest: of the bundle.
        age: seconds from the end of its log to now.
        waiting: requests whose answer is waited for.
        drift_lists: live lists that are compared with the bundle's reference.
        drift: column → population stability index.
    """

    digest: str
    age: float
    waiting: int
    drift_lists: int
    drift: Mapping[str, float]


class Telemetry:
    """All that is counted, in a registry of its own, so that several apps of one process do not mix."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        """Start at nothing; `facts` is asked whenever somebody reads."""
        registry = self.registry = CollectorRegistry()
        self._requests = Histogram(
            "recsys_request_seconds",
            "From the first byte to the last.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "recsys_stage_seconds", "Stages of an answer.", ["stage"], buckets=_STAGE_SECONDS, registry=registry
        )
        self._queue = Histogram(
            "recsys_queue_seconds", "Until an answer was begun.", buckets=_STAGE_SECONDS, registry=registry
        )
        self._answers = Counter("recsys_answers", "Lists.", ["arm", "policy"], registry=registry)
        self._arms = Summary(
            "recsys_arm_seconds", "Lists, from the first byte to the last.", ["arm"], registry=registry
        )
        self._degraded = Counter("recsys_degraded", "Answers without something.", ["reason"], registry=registry)
        self._events = Counter("recsys_events", "Events that were acknowledged.", ["outcome"], registry=registry)
        self._swaps = Counter("recsys_swaps", "Bundles meant to replace another.", ["outcome"], registry=registry)
        self._recall = Summary(
            "recsys_index_recall", "Sampled: share of the exactly nearest that the index finds.", registry=registry
        )
        for counter, outcomes in ((self._events, ("new", "known")), (self._swaps, ("ok", "failed"))):
            for outcome in outcomes:
                counter.labels(outcome)
        self._known: dict[str, set[str]] = {}
        registry.register(_Facts(facts))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def visited(self, visit: Visit) -> None:
        """A `Watcher`: count a request, and its answer."""
        method = visit.method if visit.method in _METHODS else OTHER
        self._requests.labels(method, visit.route or OTHER, f"{visit.status // 100}xx").observe(visit.seconds)
        if visit.started:
            self._queue.observe((visit.started - visit.queued) / 1e9)
        for stage, start, end in visit.stages:
            self._stages.labels(stage).observe((end - start) / 1e9)
        if visit.answer is not None:
            self._answered(visit.answer, visit.seconds)

    def _answered(self, answer: Reply, seconds: float) -> None:
        arm = self._few("arm", answer.arm)
        self._answers.labels(arm, self._few("policy", answer.policy)).inc()
        self._arms.labels(arm).observe(seconds)
        for reason in answer.degraded:
            self._degraded.labels(self._few("reason", reason)).inc()

    def _few(self, label: str, value: str) -> str:
        """The value, or OTHER where MOST are known already."""
        known = self._known.setdefault(label, set())
        if value not in known and len(known) >= MOST:
            return OTHER
        known.add(value)
        return value

    def posted(self, *, new: int, known: int) -> None:
        """Events were acknowledged."""
        self._events.labels("new").inc(new)
        self._events.labels("known").inc(known)

    def swapped(self, outcome: str) -> None:
        """A swap went "ok", or "failed" and changed nothing."""
        self._swaps.labels(outcome).inc()

    def recalled(self, share: float) -> None:
        """A sampled search found this share of what there was to find."""
        self._recall.observe(share)

    def text(self) -> bytes:
        """Everything, as GET /metrics tells it."""
        return generate_latest(self.registry)


class _Facts(Collector):
    """What is not counted but looked up."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        self._facts = facts

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone: the registry wants them before anything is served."""
        return _families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One sample each, and one for each column that drifts."""
        facts = self._facts()
        info, age, waiting, lists, drift = _families()
        info.add_metric([facts.digest], 1)
        age.add_metric([], facts.age)
        waiting.add_metric([], facts.waiting)
        lists.add_metric([], facts.drift_lists)
        for column, distance in facts.drift.items():
            drift.add_metric([column], distance)
        return info, age, waiting, lists, drift


def _families() -> tuple[GaugeMetricFamily, ...]:
    return (
        GaugeMetricFamily("recsys_bundle_info", "The bundle that is served.", labels=["digest"]),
        GaugeMetricFamily("recsys_bundle_age_seconds", "From the end of its log to now.", labels=[]),
        GaugeMetricFamily("recsys_queue_length", "Requests whose answer is waited for.", labels=[]),
        GaugeMetricFamily("recsys_drift_lists", "Live lists that are compared with the bundle's reference.", labels=[]),
        GaugeMetricFamily("recsys_drift_psi", "Population stability index of a column.", labels=["column"]),
    )
