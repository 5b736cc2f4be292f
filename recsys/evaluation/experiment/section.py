"""A readout as a part of a page."""

from collections.abc import Iterable
from html import escape

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.experiment import words
from recsys.evaluation.experiment.looks import Path
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.markup import section, table
from recsys.evaluation.plots import band, scale, whisker

TITLE = "The experiment"
_NOTE = (
    "Brackets hold 95 % intervals over users, relative figures in per cent of the control. Arms are compared in reward "
    "a user; of several, p is corrected by Holm. A guardrail is kept where the interval excludes its limit."
)
_LOOKS = (
    "Difference to the control of what users earned in their first {hours:g} hours, at looks evenly apart: in 95 % "
    "of experiments none of the arms' bands misses it anywhere, so whoever looks every day is not fooled. They are "
    "narrowest at {planned:,} users of two arms."
)


def readout_section(readout: Readout) -> str:
    """A titled section: arms, differences, guardrails and the path of the sequential test."""
    said = [words.summary(readout), readout.assignment.sentence, words.left_out(readout)]
    refused = [f"Refused ({each.name}): {each}" for each in readout.refused]
    parts = [_paragraphs(said), _paragraphs(refused, "worse"), _table(words.ARMS, map(words.arm_cells, readout.arms))]
    if readout.contrasts:
        parts += ["<h3>Beside the control</h3>", _plot(readout)]
        parts.append(_paragraphs([*(each.sentence for each in readout.contrasts), words.past(readout)]))
        parts.append(_table(words.GAPS, map(words.gap_cells, readout.contrasts)))
        parts += ["<h3>Guardrails</h3>", _table(words.RAILS, map(words.rail_cells, readout.guardrails))]
        parts += ["<h3>At any time</h3>", _looks(readout), _paragraphs([_NOTE], "note")]
    return section(TITLE, "".join(parts))


def _plot(readout: Readout) -> str:
    """Relative differences with their intervals on one axis."""
    found = {each.arm: each.gap.relative for each in readout.contrasts}
    known: dict[str, Estimate] = {arm: value for arm, value in found.items() if value is not None}
    axis = scale(list[Estimate | Difference](known.values()))
    rows = (
        f"<span>{escape(arm)}</span>{whisker(value, axis)}<b>{words.relative(value)} %</b>"
        for arm, value in known.items()
    )
    return f'<div class="plot">{"".join(rows)}</div>\n' if known else ""


def _looks(readout: Readout) -> str:
    drawn = "".join(f"<div><h3>{escape(path.arm)}</h3>{band(path.looks, said='users')}</div>" for path in readout.paths)
    first: Path = readout.paths[0]
    note = _LOOKS.format(hours=readout.window_hours, planned=first.planned)
    told = _paragraphs(each.sentence for each in readout.paths)
    return f'{told}<div class="charts">{drawn}</div>\n{_paragraphs([note], "note")}'


def _paragraphs(sentences: Iterable[str], kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return "".join(f"<p{mark}>{escape(each)}</p>\n" for each in sentences if each)


def _table(head: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    return table(head, ([escape(cell) for cell in row] for row in rows))
