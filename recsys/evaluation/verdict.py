"""The report's section on the gate: every check of the last release, whether it went out or not."""

from html import escape

from recsys.evaluation.gate import Gate, rows
from recsys.evaluation.markup import table

_SAID = {
    "passed": "The last release passed.",
    "refused": "The last release was refused; what was published before stays.",
    "forced": "The last release went out in spite of the gate.",
}
_READING = (
    "A share below its limit is refused where the loss is certain, too: the interval of the paired difference over "
    "users lies below 0. Times and memory were read side by side with the published bundle, on one machine on one day."
)


def verdict(gate: Gate | None) -> str:
    """The verdict and its table; empty where no release was tried."""
    if gate is None:
        return ""
    head, *body = rows(gate)
    cells = [[escape(text) for text in row] for row in body]
    for row, check in zip(cells, gate.checks, strict=True):
        if check.judgement == "refused":
            row[-1] = f'<span class="worse">{row[-1]}</span>'
    reason = f" The reason given: “{escape(gate.forced)}”." if gate.verdict == "forced" else ""
    return f'<p>{_SAID[gate.verdict]}{reason}</p>{table(head, cells)}<p class="note">{_READING}</p>'
