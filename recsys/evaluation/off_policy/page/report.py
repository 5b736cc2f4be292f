"""ab.html: what a log says of policies that did not write it, and what stands in the way of saying more."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from recsys.evaluation.markup import page, section
from recsys.evaluation.off_policy.judging.judgement import LOG, Judged, Judgement, Unanswered, write
from recsys.evaluation.off_policy.judging.said import sentence
from recsys.evaluation.off_policy.page.earned import earned, estimators, parts
from recsys.evaluation.off_policy.page.grounds import grounds
from recsys.evaluation.off_policy.page.weighed import WEIGHED, weighed
from recsys.evaluation.refusal import Refusal, Refusals

PAGE = "ab.html"
_WHOLE = "The log as a whole"


def render(judgement: Judgement, *, sections: Sequence[str] = ()) -> str:
    """The whole page; equal values give equal bytes.

    Args:
        judgement: what was found.
        sections: HTML of others, put before the section on the data.
    """
    told = [
        section("What a list earns", earned(judgement)),
        section("Every estimator", estimators(judgement)),
        section("Overlap", weighed(judgement)),
        section("Parts of the log", parts(judgement)),
        section("What stands in the way", _obstacles(judgement)),
        *sections,
        section("Data", grounds(judgement)),
    ]
    heads = "".join(_headline(name, judged, judgement) for name, judged in judgement.policies.items())
    title = f"{', '.join(judgement.policies)} by {judgement.card.directory or 'a log'}"
    return page(title, f'{heads}<p class="note">{_reading(judgement)}</p>\n{"".join(told)}')


def render_unanswered(unanswered: Unanswered, directory: Path, *, sections: Sequence[str] = ()) -> str:
    """The page of a log that says nothing of what was asked.

    Args:
        unanswered: why.
        directory: of the log.
        sections: HTML of others, put below.
    """
    head = f'<p class="headline worse">{escape(unanswered.said)}</p>\n'
    body = f"{head}<section>{_list(_WHOLE, unanswered.refused)}</section>\n"
    return page(f"Nothing by {directory}", body + "".join(sections))


def save(directory: Path, text: str) -> Path:
    """Write `PAGE` in one step, and say where it is."""
    write(directory / PAGE, text.encode())
    return directory / PAGE


def _headline(name: str, judged: Judged, judgement: Judgement) -> str:
    """The policy's sentence; where nothing can be said of it, each reason and its cure."""
    if judged.headline is not None:
        said = sentence(name, judged, judgement.base, level=judgement.level)
        return f'<p class="headline">{escape(said)}</p>\n'
    told = "".join(f"<li>{_reason(each)}</li>" for each in judged.reasons)
    return f'<p class="headline worse">{escape(name)} cannot be answered:</p><ul>{told}</ul>\n'


def _reason(refusal: Refusal) -> str:
    return f"{escape(refusal.because)} <b>{escape(refusal.cure)}</b>"


def _reading(judgement: Judgement) -> str:
    base = "the lists that were shown" if judgement.base == LOG else judgement.base
    return escape(
        f"Brackets hold {100 * judgement.level:g} % intervals of a bootstrap over users. What a list earns is the sum "
        f"of what came of its places, in units of the rewards below; better and worse are beside {base}. A difference "
        f"of {100 * judgement.margin:g} % is the largest that nobody would mind. Where the log cannot support a "
        "figure, none is given."
    )


def _obstacles(judgement: Judgement) -> str:
    """Every refusal of each policy: of all estimates, of a kind of weights, of a part; empty without any."""
    found = []
    for name, judged in judgement.policies.items():
        where = {"Every estimate": judged.refused}
        where |= {f"By {WEIGHED[kind]}": support.refused for kind, support in judged.support.items()}
        where |= {f"Part: {part}": each for part, each in judged.segments.items() if isinstance(each, tuple)}
        lists = "".join(_list(what, refused) for what, refused in where.items() if refused)
        found.append(f"<h3>{escape(name)}</h3>{lists}" if lists else "")
    return "".join(found)


def _list(what: str, refused: Refusals) -> str:
    told = "".join(f"<li><i>{escape(each.name)}</i> {_reason(each)}</li>" for each in refused)
    return f"<p>{escape(what)}</p><ul>{told}</ul>\n"
