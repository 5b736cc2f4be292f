"""Two cards that go with a bundle, in Markdown: what was learned from, what came of it, and what it is good for.

Their sections are those of Mitchell et al. (2019), "Model Cards for Model Reporting", and Gebru et al. (2021),
"Datasheets for Datasets", as far as a machine can fill them from what was measured; equal inputs give equal cards.
"""

from collections.abc import Iterator, Mapping, Sequence

from recsys.evaluation.gate import Gate
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.table import rows
from recsys.evaluation.wording import figure, label
from recsys.schema import Instant, moment

MODEL_CARD = "model_card.md"
DATA_CARD = "data_card.md"

_BEST = 15
"""Features told, the most important first."""

_TARGET = {"all": "items, taken before or not", "new": "items that a user has not taken before"}

_PURPOSE = (
    "- Meant for: lists of this shop's items for its users, in bulk or over HTTP, and the order of given items.",
    "- Not meant for: another shop's log or catalogue; decisions on people, such as credit, prices or access; saying "
    "something about a person by what the person's items score.",
    "- New items are found by their text alone; new users get what is popular until they have done something.",
)

_PEOPLE = (
    "User ids stand in the bundle as the log has them, beside what each did: whoever has the bundle can read both.",
    "Nothing else about a person is read. `DELETE /v1/users/{user_id}` erases what was posted to the service; the next",
    "bundle that is made from a log without the user holds nothing of the user.",
)


def model_card(evaluation: Evaluation, gate: Gate, *, parents: Mapping[str, str]) -> str:
    """What the models are, how they did, and where they are not to be used.

    Args:
        evaluation: of these models.
        gate: its verdict on them; clock readings are left out.
        parents: name → digest of the artifacts that the bundle was made from.
    """
    methods, data = rows(evaluation), evaluation.data
    window = f"{_day(data.ranker_end)} to {_day(data.end)}"
    forced = f", because {gate.forced!r}" if gate.forced else ""
    return _page(
        "Model card",
        f"Lists of {_TARGET[evaluation.target]}, for the users of one shop, {data.name!r}. Several sources propose "
        "items; a ranker orders them by behaviour and by the interest of a text encoder that learned on the same log.",
        {
            "Made from": [*_table(["part", "digest"], sorted(parents.items())), "", *_encoders(evaluation)],
            "For what": _PURPOSE,
            "How it did": [
                f"Judged on what users took from {window}, which nothing that it learned has seen. Means over users, "
                "with 95 % intervals.",
                "",
                *_table(methods[0], methods[1:]),
                "",
                *_segments(evaluation),
            ],
            "The gate": [f"Verdict: {gate.verdict}{forced}.", "", *_checks(gate)],
            "What decides": [f"- {name}: {share:.1%}" for name, share in list(evaluation.importance.items())[:_BEST]],
            "Known limits": list(_limits(evaluation)),
        },
    )


def data_card(evaluation: Evaluation) -> str:
    """What the log holds, what was left out of it, and what it says about people."""
    data = evaluation.data
    left_out = [(why, f"{n}") for kind in (data.filtered, data.rejects) for why, n in sorted(kind.items())]
    clock = "Timestamps are times." if data.clock == "real" else "Timestamps tell the order of events only."
    windows = [
        ("the encoder learns", _day(data.first), _day(data.encoder_end)),
        ("the ranker learns", _day(data.encoder_end), _day(data.ranker_end)),
        ("judged", _day(data.ranker_end), _day(data.end)),
    ]
    return _page(
        "Data card",
        f"Source: {data.name!r}, {data.rows} events of {data.users} users on {data.items} items.",
        {
            "Events": _table(["role", "rows"], [(role, f"{n}") for role, n in sorted(data.events.items())]),
            "Left out": _table(["why", "rows"], left_out or [("nothing", "0")]),
            "Time": [clock, "", *_table(["window", "from", "until"], windows)],
            "People": _PEOPLE,
        },
    )


def _page(title: str, about: str, sections: Mapping[str, Sequence[str]]) -> str:
    lines = [f"# {title}", "", about, ""]
    for name, told in sections.items():
        lines += [f"## {name}", "", *(told or ["Nothing was found."]), ""]
    return "\n".join(lines)


def _encoders(evaluation: Evaluation) -> list[str]:
    return [f"- {name}: {e.layers} layers, {e.size / 1e6:.1f} MB of weights" for name, e in evaluation.encoders.items()]


def _segments(evaluation: Evaluation) -> list[str]:
    scores = evaluation.methods[evaluation.ours].scores
    lines = [
        (name, *(figure(found[metric]) if metric in found else "" for metric in evaluation.leading))
        for name, found in scores.items()
    ]
    return _table([f"{evaluation.ours}, by segment", *map(label, evaluation.leading)], lines)


def _checks(gate: Gate) -> list[str]:
    lines = [(check.what, check.against, check.judgement, check.note) for check in gate.checks if not check.clock]
    return _table(["check", "against", "judgement", "note"], lines)


def _limits(evaluation: Evaluation) -> Iterator[str]:
    metric = evaluation.headline
    for name in (*evaluation.named("ablation"), *evaluation.named("baseline")):
        gain = evaluation.differences[name][OVERALL][metric]
        if gain.sign <= 0:
            yield f"- Not shown to be better than {name}: {figure(gain)} {label(metric)}."
    for name, found in evaluation.reliability.items():
        yield f"- Interest, {name}: off by {figure(found.ece)} on average."
    if evaluation.draw is not None:
        yield "- The ranker learned from users drawn by lot: the table of all was larger than `ranking.table_mib`."
    yield "- What a user takes depends on what was shown; these figures are of a log that other lists have made."


def _day(instant: Instant) -> str:
    return f"{moment(instant):%Y-%m-%d %H:%M} UTC"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *lines]
    return ["| " + " | ".join(_cell(text) for text in row) + " |" for row in cells]


def _cell(text: str) -> str:
    """Names come from a log: none may end a cell or a line, or be taken for HTML."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
