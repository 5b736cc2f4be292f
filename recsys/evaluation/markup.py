"""The page of a report, and the pieces of HTML that its sections are put together from."""

from collections.abc import Iterable, Sequence
from html import escape

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.style import STYLE
from recsys.evaluation.wording import bounds, number

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, body: str) -> str:
    """A file that opens anywhere, loads nothing and runs no script. The title is text, the body is HTML already."""
    said = escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{said}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<style>\n{STYLE}\n</style></head>\n'
        f"<body><h1>{said}</h1>\n{body}</body></html>\n"
    )


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
