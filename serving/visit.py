"""One request under way: who it is in the logs, and when its stages ended."""

import time
from dataclasses import dataclass, field

from serving.reply import Reply

KEY = "recsys.visit"
"""Where in an ASGI scope it stands."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """What the door, the lane and those who watch tell each other about one request.

    Attributes:
        request_id: of the operational logs; not the one that a body may name.
        method: of HTTP.
        parent: the traceparent header, W3C; empty without one.
        began_at: ns since the epoch.
        began: ns of the monotonic clock, as are all that follow.
        queued: when its answer was asked for; 0 if never.
        started: when somebody began with it.
        laps: its stages, each with when it ended.
        answer: what was told.
        route: the path's template; empty for a path that there is none of.
        status: of HTTP.
        ended: when the last byte was handed on.
    """

    request_id: str
    method: str
    parent: str = ""
    began_at: int = field(default_factory=time.time_ns)
    began: int = field(default_factory=time.perf_counter_ns)
    queued: int = 0
    started: int = 0
    laps: list[tuple[str, int]] = field(default_factory=list)
    answer: Reply | None = None
    route: str = ""
    status: int = 500
    ended: int = 0

    def lap(self, stage: str) -> None:
        """A `schema.Lap`: a stage has ended."""
        self.laps.append((stage, time.perf_counter_ns()))

    @property
    def stages(self) -> list[tuple[str, int, int]]:
        """(name, start, end) of each stage of the answer."""
        ends = [end for _, end in self.laps]
        return [(stage, start, end) for (stage, end), start in zip(self.laps, [self.started, *ends], strict=False)]

    @property
    def seconds(self) -> float:
        """From the first byte to the last."""
        return (self.ended - self.began) / 1e9
