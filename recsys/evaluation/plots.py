"""Small drawings as inline SVG; colours come from the page, numbers stand beside them as text."""

from collections.abc import Sequence
from html import escape
from math import sqrt

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.reliability import Bin
from recsys.evaluation.results import Curve
from recsys.evaluation.wording import number

_THIN = 'stroke="currentColor" vector-effect="non-scaling-stroke"'
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 150, 52, 8, 10, 22


def scale(figures: Sequence[Estimate | Difference]) -> tuple[float, float]:
    """The common axis of several whiskers: zero and every interval, with a little room."""
    ends = [0.0, *(e for f in figures for e in (f.mean, f.low, f.high) if e is not None)]
    low, high = min(ends), max(ends)
    room = 0.03 * (high - low) or 1.0
    return low - room * (low < 0), high + room


def whisker(figure: Estimate | Difference, axis: tuple[float, float]) -> str:
    """A dot at the mean on its interval, and a hairline at zero."""

    def x(value: float) -> str:
        return f"{100 * (value - axis[0]) / (axis[1] - axis[0]):.2f}"

    parts = [f'<path d="M{x(0)} 0V10" {_THIN} opacity=".35"/>']
    if figure.low is not None and figure.high is not None:
        parts.append(f'<path d="M{x(figure.low)} 5H{x(figure.high)}" {_THIN} stroke-width="2"/>')
    dot = f'<path d="M{x(figure.mean)} 5h0" {_THIN} stroke-width="9" stroke-linecap="round"/>'
    return _svg("".join([*parts, dot]))


def bar(share: float, figure: Estimate | None = None) -> str:
    """A bar over `share` in [0, 1] of the width, with the interval of a figure in [0, 1] on top."""
    parts = [f'<rect y="1.5" width="{100 * share:.2f}" height="7" fill="currentColor" opacity=".6"/>']
    if figure is not None and figure.low is not None and figure.high is not None:
        parts.append(f'<path d="M{100 * figure.low:.2f} 5H{100 * figure.high:.2f}" {_THIN} stroke-width="2"/>')
    return _svg("".join(parts))


def _svg(body: str) -> str:
    return f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{body}</svg>'


def line(curve: Curve) -> str:
    """A curve over steps, its extremes on the axes and its last value marked."""
    if not curve.values:
        return ""
    low, high = min(curve.values), max(curve.values)
    first, last = curve.steps[0], curve.steps[-1]

    def at(step: int, value: float) -> tuple[float, float]:
        across = (step - first) / ((last - first) or 1)
        up = (value - low) / ((high - low) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    points = [at(s, v) for s, v in zip(curve.steps, curve.values, strict=True)]
    path = "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
    ends = points[-1]
    floor = HEIGHT - BOTTOM
    marks = [(LEFT - 6, floor + 4, "end", number(low)), (LEFT, HEIGHT - 6, "start", f"{first:,}")]
    marks += [(LEFT - 6, TOP + 4, "end", number(high))] if high > low else []
    marks += [(WIDTH - RIGHT, HEIGHT - 6, "end", f"step {last:,}")] if last > first else []
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="from {number(curve.values[0])} to '
        f'{number(curve.values[-1])}"><path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" '
        f'stroke="currentColor" opacity=".3"/><path d="{path}" fill="none" stroke="currentColor" stroke-width="1.8"/>'
        f'<circle cx="{ends[0]:.1f}" cy="{ends[1]:.1f}" r="3.2" fill="currentColor"/>{_texts(marks)}</svg>'
    )


def band(looks: Sequence[Estimate], *, said: str) -> str:
    """Estimates over their n, each with its interval as a band, and the line of zero; those without bounds are gaps."""
    told = [(e.n, e.mean, e.low, e.high) for e in looks if e.low is not None and e.high is not None]
    if not told:
        return ""
    bottom, top = min(0.0, *(low for _, _, low, _ in told)), max(0.0, *(high for *_, high in told))
    first, last, floor = told[0][0], told[-1][0], HEIGHT - BOTTOM

    def at(n: int, value: float) -> str:
        across = (n - first) / ((last - first) or 1)
        up = (value - bottom) / ((top - bottom) or 1)
        return f"{LEFT + across * (WIDTH - LEFT - RIGHT):.1f} {floor - up * (floor - TOP):.1f}"

    around = "L".join([*(at(n, low) for n, _, low, _ in told), *(at(n, high) for n, _, _, high in reversed(told))])
    middle = "L".join(at(n, mean) for n, mean, _, _ in told)
    zero = at(first, 0.0)
    marks = [(LEFT - 6, floor + 4, "end", number(bottom)), (LEFT - 6, TOP + 4, "end", number(top))]
    marks += [(LEFT, HEIGHT - 6, "start", f"{first:,}")]
    marks += [(WIDTH - RIGHT, HEIGHT - 6, "end", f"{said} {last:,}")] if last > first else []
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="from {number(told[0][1])} to '
        f'{number(told[-1][1])}"><path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" stroke="currentColor" '
        f'opacity=".3"/><path d="M{zero}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".35"/>'
        f'<path d="M{around}Z" fill="currentColor" opacity=".18"/>'
        f'<path d="M{middle}" fill="none" stroke="currentColor" stroke-width="1.8"/>{_texts(marks)}</svg>'
    )


def diagonal(bins: Sequence[Bin], *, said: str = "interest", top: float = 1.0) -> str:
    """A reliability diagram: each bin's share taken over what was `said`, both to `top`, and the line of true words."""
    side = HEIGHT - TOP - BOTTOM
    floor = HEIGHT - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + side * x / top, floor - side * y / top

    parts = [f'<path d="M{LEFT} {floor}L{LEFT + side} {TOP}" stroke="currentColor" opacity=".35"/>']
    for b in bins:
        x, y = at(b.interest, b.share)
        if b.low is not None and b.high is not None:
            ends = at(0, b.low)[1], at(0, b.high)[1]
            parts.append(f'<path d="M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}" stroke="currentColor" stroke-width="1.2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="currentColor"/>')
    far = "1" if top == 1 else number(top)
    marks = [(LEFT - 6, floor + 4, "end", "0"), (LEFT - 6, TOP + 4, "end", far), (LEFT + side, HEIGHT - 6, "end", far)]
    marks += [(LEFT, HEIGHT - 6, "start", said), (LEFT - 6, (TOP + floor) // 2, "end", "taken")]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="share taken over {said}, {len(bins)} bins">'
        f'<path d="M{LEFT} {TOP}V{floor}H{LEFT + side}" fill="none" stroke="currentColor" opacity=".3"/>'
        f"{''.join(parts)}{_texts(marks)}</svg>"
    )


def histogram(counts: Sequence[int], labels: Sequence[str]) -> str:
    """A bar for each count, as high as its square root, so that a few are seen beside many.

    Args:
        counts: at least one, of at least one bin with something in it.
        labels: what stands under each bar, text; empty where nothing does.
    """
    floor, most = HEIGHT - BOTTOM, max(counts)
    step = (WIDTH - LEFT - RIGHT) / len(counts)
    bars, marks = [], [(LEFT - 6.0, TOP + 4.0, "end", f"{most:,}"), (LEFT - 6.0, floor + 4.0, "end", "0")]
    for n, (count, label) in enumerate(zip(counts, labels, strict=True)):
        left, high = LEFT + n * step, max(1.5, (floor - TOP) * sqrt(count / most)) if count else 0.0
        place = f'x="{left + 1:.1f}" y="{floor - high:.1f}" width="{step - 2:.1f}" height="{high:.1f}"'
        bars.append(f'<rect {place} fill="currentColor" opacity=".7"><title>{count:,}</title></rect>' if count else "")
        marks += [(round(left + step / 2, 1), HEIGHT - 6.0, "middle", escape(label))] if label else []
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="histogram of {sum(counts):,}">'
        f'<path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" stroke="currentColor" opacity=".3"/>'
        f"{''.join(bars)}{_texts(marks)}</svg>"
    )


def _texts(marks: Sequence[tuple[float, float, str, str]]) -> str:
    return "".join(f'<text x="{x}" y="{y}" text-anchor="{anchor}">{said}</text>' for x, y, anchor, said in marks)
