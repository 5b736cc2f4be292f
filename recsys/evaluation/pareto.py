"""The report's section on variants of the encoder: a Pareto chart of quality over time, and the table."""

from collections.abc import Callable, Mapping
from html import escape
from math import log10, sqrt

from recsys.evaluation.markup import cell, table
from recsys.evaluation.variants import Variant, Variants
from recsys.evaluation.wording import number

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 340, 56, 24, 24, 30
LARGEST, LINE = 20.0, 13.0
"""Radius of the circle of the largest file; height of a line of text."""

_READING = (
    "Each circle is an encoder, named or numbered as in the table: higher finds more, further left is faster, its area "
    "is the size of its file. The line joins those that no other betters; what this run serves is filled. nDCG@10 is "
    "that of the validation window before the encoder's end, by text and history alone; the difference to the teacher "
    "is over the same users. Milliseconds are of one text alone, texts a second of many at once, tokenisation "
    "included; all were timed in turn in one process, {threads}, medians of rounds."
)


def variants(found: Variants | None) -> str:
    """Chart and table; empty where nothing was measured."""
    if found is None:
        return ""
    head = ["encoder", "layers", "dim", "MB", "ms/text", "p99", "texts/s", "nDCG@10", "− teacher", "kept"]
    best = {row.name for row in found.front()}
    rows = [_row(place, row, found, front=row.name in best) for place, row in enumerate(found.rows, 1)]
    threads = f"{found.threads} thread" + "s" * (found.threads > 1)
    note = f'<p class="note">{_READING.format(threads=threads)}</p>'
    return f'<div class="pareto">{chart(found)}</div>\n{note}{table(head, rows)}'


def _row(place: int, row: Variant, found: Variants, *, front: bool) -> list[str]:
    speed, share = found.speeds[row.name], None if row.kept is None else row.kept.share
    name = f"<b>{escape(row.name)}</b>" if front else escape(row.name)
    name = f'<span class="ours">{name}</span>' if row.place == "served" else name
    kept = "–" if share is None else f"{share.mean:.1%}"
    if share is not None and share.low is not None and share.high is not None:
        kept += f"<small>[{share.low:.1%}, {share.high:.1%}]</small>"
    return [
        f"{place} {name}<small>{escape(row.why)}</small>",
        str(row.layers) if row.layers else "–",
        str(row.dim),
        f"{row.megabytes:.1f}",
        f"{speed.p50_ms:.2f}",
        f"{speed.p99_ms:.2f}",
        f"{speed.texts_per_second:,.0f}",
        cell(row.ndcg),
        cell(None if row.kept is None else row.kept.difference),
        kept,
    ]


def chart(found: Variants) -> str:
    """nDCG@10 over the milliseconds of one text, these on a logarithmic axis."""
    times = [log10(found.speeds[row.name].p50_ms) for row in found.rows]
    scores = [row.ndcg.mean for row in found.rows]
    across, up = _axis(times, LEFT, WIDTH - RIGHT), _axis(scores, HEIGHT - BOTTOM, TOP)
    at = {row.name: (across(x), up(y)) for row, x, y in zip(found.rows, times, scores, strict=True)}
    path = "".join(
        f"L{x:.1f} {y:.1f}" if place else f"M{x:.1f} {y:.1f}"
        for place, (x, y) in enumerate(at[row.name] for row in found.front())
    )
    floor = HEIGHT - BOTTOM
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="nDCG@10 over milliseconds of one text, '
        f'{len(found.rows)} encoders"><path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" '
        f'stroke="currentColor" opacity=".3"/><path class="front" d="{path}" fill="none" stroke="currentColor" '
        f'stroke-width="1.5"/>{_circles(found, at)}{_names(found, at)}{_scales(times, scores)}</svg>'
    )


def _axis(values: list[float], start: float, end: float) -> Callable[[float], float]:
    """Places on the page of values, with a little room on both sides."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 1.0
    return lambda value: start + (value - low + room) / (high - low + 2 * room) * (end - start)


def _names(found: Variants, at: Mapping[str, tuple[float, float]]) -> str:
    """Of the front, where by its nature nothing else stands: above and to the left; of what is served, below."""
    parts, free = [], 0.0
    for row in reversed(found.front()):
        x, y = at[row.name]
        radius = _radius(row, found) * 0.7 + 2
        free = max(free, y - radius)
        parts.append(_text(max(x - radius, LEFT + 4), free, "end" if x > LEFT + 90 else "start", row.name))
        free += LINE
    below = (row for row in found.rows if row.place == "served" and row not in found.front())
    for x, y, radius in ((*at[row.name], _radius(row, found)) for row in below):
        parts.append(_text(x + radius * 0.7 + 2, y + radius * 0.7 + LINE, "start", "served"))
    return "".join(parts)


def _text(x: float, y: float, anchor: str, said: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _radius(row: Variant, found: Variants) -> float:
    largest = max(row.megabytes for row in found.rows) or 1.0
    return max(2.5, LARGEST * sqrt(row.megabytes / largest))


def _circles(found: Variants, at: Mapping[str, tuple[float, float]]) -> str:
    """Large ones first, so that small ones can be pointed at."""
    parts, best = [], found.front()
    for place, row in sorted(enumerate(found.rows, 1), key=lambda one: -one[1].megabytes):
        x, y = at[row.name]
        filled = 'fill="currentColor" fill-opacity=".55"' if row.place == "served" else 'fill="none"'
        told = f"{row.name}: {number(row.ndcg.mean)}, {found.speeds[row.name].p50_ms:.2f} ms, {row.megabytes:.1f} MB"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_radius(row, found):.1f}" {filled} stroke="currentColor">'
            f"<title>{escape(told)}</title></circle>"
        )
        parts.append("" if row in best else _text(x, y + 4, "middle", str(place)))
    return "".join(parts)


def _scales(times: list[float], scores: list[float]) -> str:
    """The extremes of both axes."""
    across, up = _axis(times, LEFT, WIDTH - RIGHT), _axis(scores, HEIGHT - BOTTOM, TOP)
    marks: list[tuple[float, float, str, str]]
    marks = [(LEFT - 6, up(value) + 4, "end", number(value)) for value in sorted({min(scores), max(scores)})]
    marks += [
        (across(value), HEIGHT - 10, "middle", f"{10**value:.2g} ms") for value in sorted({min(times), max(times)})
    ]
    marks += [(LEFT, TOP - 10, "start", "nDCG@10")]
    return "".join(_text(*mark) for mark in marks)
