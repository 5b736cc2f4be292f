"""The gate: a table of checks, and whether what was checked may be released."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from recsys.errors import ArtifactError, GateError
from recsys.evaluation.compare import Estimate
from recsys.evaluation.wording import number
from recsys.schema import Instant

VERDICT = "verdict.json"
MEASURED = "measured.json"

Bound: TypeAlias = Literal["share", "times", "most"]
"""share: at least so much of the reference; times: at most so many times it; most: at most so much, whatever others do.
"""

Judgement: TypeAlias = Literal["ok", "uncertain", "refused", "not judged"]
"""uncertain: below the limit, but the loss may be chance, so it passes; not judged: nothing to compare with, passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row.

    Attributes:
        what: the quantity, and of what.
        against: whom it is compared with, or "limit".
        judgement: what came of it.
        candidate, reference: the two values; None where there is none.
        unit: of both; empty for metrics.
        share: of a metric, candidate ÷ reference with its interval.
        limit: what is allowed; None where nothing is asked.
        bound: how the limit is meant.
        clock: a reading of one machine on one day, which no digest may cover.
        note: why there are no values.
    """

    what: str
    against: str
    judgement: Judgement
    candidate: float | None = None
    reference: float | None = None
    unit: str = ""
    share: Estimate | None = None
    limit: float | None = None
    bound: Bound = "share"
    clock: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """All checks of one candidate.

    Attributes:
        checks: the rows.
        window: [start, end) of the labels it was judged by, µs since 1970 UTC; nothing it learned is of later labels.
        forced: why it is released in spite of a no; empty where nobody insisted.
    """

    checks: tuple[Check, ...]
    window: tuple[Instant, Instant]
    forced: str = ""

    @property
    def refused(self) -> tuple[Check, ...]:
        """The checks that say no."""
        return tuple(check for check in self.checks if check.judgement == "refused")

    @property
    def verdict(self) -> Literal["passed", "refused", "forced"]:
        """What becomes of the candidate."""
        if not self.refused:
            return "passed"
        return "forced" if self.forced else "refused"

    def enforce(self) -> None:
        """Let what passed, or is forced, go on.

        Raises:
            GateError: a check says no and nobody insists.
        """
        if self.verdict != "refused":
            return
        told = "; ".join(_sentence(check) for check in self.refused)
        raise GateError(
            f"Expected every check of the gate to pass, got no from {len(self.refused)} of {len(self.checks)}: {told}. "
            'Nothing was released; mend it, set [gate] otherwise, or give a reason: recsys release --force "reason".'
        )

    def lasting(self) -> dict[str, Any]:
        """All but the clock readings, JSON types: equal inputs give equal values."""
        kept = [asdict(check) for check in self.checks if not check.clock]
        body = {"verdict": self.verdict, "forced": self.forced, "window": list(self.window), "checks": kept}
        return dict(json.loads(json.dumps(body)))

    def save(self, directory: Path) -> None:
        """Write verdict.json, which repeats with equal inputs, and measured.json, which does not."""
        (directory / VERDICT).write_text(json.dumps(self.lasting(), indent=1) + "\n")
        self.save_measured(directory)

    def save_measured(self, directory: Path) -> None:
        """Write the checks that hold clock readings to measured.json."""
        read = [asdict(check) for check in self.checks if check.clock]
        (directory / MEASURED).write_text(json.dumps(read, indent=1) + "\n")

    @classmethod
    def load(cls, directory: Path) -> "Gate":
        """Read what `save` wrote; the clock readings come last.

        Raises:
            ArtifactError: a file is missing or malformed.
        """
        try:
            body = json.loads((directory / VERDICT).read_text())
            rows = [*body["checks"], *json.loads((directory / MEASURED).read_text())]
            checks = TypeAdapter(tuple[Check, ...]).validate_python(rows)
            return cls(checks=checks, window=window_of(body), forced=str(body["forced"]))
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise ArtifactError(
                f"Expected a gate's verdict in {directory} ({error}); run the release stage."
            ) from error


def window_of(lasting: Mapping[str, Any]) -> tuple[Instant, Instant]:
    """`Gate.window` from what `Gate.lasting` gave."""
    start, end = lasting["window"]
    return int(start), int(end)


def rows(gate: Gate) -> list[list[str]]:
    """A head and one row a check, as text."""
    head = ["check", "against", "candidate", "reference", "ratio", "limit", "verdict"]
    return [head, *(_cells(check) for check in gate.checks)]


def _cells(check: Check) -> list[str]:
    word = {"ok": "ok", "uncertain": "ok: loss not certain", "refused": "NO", "not judged": "not judged"}
    verdict = word[check.judgement] + (f": {check.note}" if check.note else "")
    values = [_value(check.candidate, check.unit), _value(check.reference, check.unit)]
    return [check.what, check.against, *values, _ratio(check), _limit(check), verdict]


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:.3g} {unit}" if unit else number(value)


def _ratio(check: Check) -> str:
    if check.share is not None:
        s = check.share
        bounds = "" if s.low is None or s.high is None else f" [{s.low:.1%}, {s.high:.1%}]"
        return f"{s.mean:.1%}{bounds}"
    if check.candidate is None or not check.reference:
        return "–"
    ratio = check.candidate / check.reference
    return f"{ratio:.1%}" if check.bound == "share" else f"{ratio:.2f} ×"


def _limit(check: Check) -> str:
    if check.limit is None:
        return "–"
    return {
        "share": f"≥ {check.limit:.1%}",
        "times": f"≤ {check.limit:g} ×",
        "most": f"≤ {check.limit:g} {check.unit}",
    }[check.bound]


def _sentence(check: Check) -> str:
    if check.note:
        return f"{check.what} against {check.against}: {check.note}"
    _, _, candidate, reference, ratio, limit, _ = _cells(check)
    of = "" if check.reference is None else f" against {check.against}'s {reference}, {ratio}"
    return f"{check.what} {candidate}{of}, limit {limit}"
