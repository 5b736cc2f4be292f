"""The pieces of HTML that the report's sections are put together from."""

from collections.abc import Iterable, Sequence
from html import escape

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.wording import bounds, number


def section(title: str, body: str) -> str:
    """A titled part of the page; nothing where the body is empty."""
    return f"<section><h2>{escape(title)}</h2>\n{body}</section>\n" if body else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls by itself. Cells are HTML already, the head is text."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>\n'


def cell(value: Estimate | Difference | None) -> str:
    """A figure over its interval, a difference in its colour; a dash for None."""
    if value is None:
        return "–"
    word = ("", "better", "worse")[value.sign] if isinstance(value, Difference) else ""
    mean = number(value.mean, sign="+" if isinstance(value, Difference) else "")
    return f'<span class="{word}">{mean}</span><small>{bounds(value)}</small>'


def share(value: Estimate | None) -> str:
    """A share as per cent over its interval, if it has one; a dash for None."""
    if value is None:
        return "–"
    interval = "" if value.low is None or value.high is None else f"<small>[{value.low:.1%}, {value.high:.1%}]</small>"
    return f"{value.mean:.1%}{interval}"
