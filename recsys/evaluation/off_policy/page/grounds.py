"""The report's section on what the figures rest on."""

from html import escape

from recsys.evaluation.markup import table
from recsys.evaluation.off_policy.judging.judgement import Judgement, LogCard
from recsys.evaluation.off_policy.wording import percent, time

LEFT_OUT = {
    "repeated": "their request was answered again later",
    "interleaved": "made of two rankings, which they compare with each other alone",
    "unexplored": "of arms that never explore, such as a holdout",
    "degraded": "a part of the service had failed",
    "deterministic": "not drawn, though their arm draws",
}
"""Field of `LeftOut` → why."""

BECAME = {
    "used": "they earn",
    "unnamed": "they name no answer, or one that is not evaluated, or have no time",
    "other_user": "of another user than the answer's",
    "not_shown": "of an item that the answer does not have",
    "early": "told to have happened before the answer",
    "late": "after the window",
    "without_value": "they earn by their value, and have none",
}
"""Field of `EventCounts` → what it means."""


def grounds(judgement: Judgement) -> str:
    """The log, what is left out of it, what became of its events, and how intervals are made."""
    card = judgement.card
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in _facts(judgement).items())
    return (
        f"<dl>{terms}</dl>\n<h3>Answers left out</h3>{_left_out(card)}"
        f"<h3>What became of events of roles that earn</h3>{_became(card)}"
    )


def _facts(judgement: Judgement) -> dict[str, str]:
    card = judgement.card
    return {
        "log": card.directory or "not named",
        "answers": f"{card.answers:,}",
        "users": f"{card.users:,} (a request without a user counts as one)",
        "rows": f"{card.rows:,} places of their lists",
        "time": f"{time(card.since)} to {time(card.until)}, the first and the last answer",
        "arms": ", ".join(f"{arm} {n:,}" for arm, n in card.arms.items()) or "none",
        "rewards": ", ".join(_reward(card, role) for role in card.rewards),
        "window": f"an event counts until {card.window_hours:g} hours after its answer",
        "intervals": f"{100 * judgement.level:g} %, of {judgement.samples:,} draws of users that all policies share",
        "margin": f"{percent(judgement.margin)}: the largest relative difference that nobody would mind",
        "compared to": judgement.base,
        **{f"{name} is": judged.source for name, judged in judgement.policies.items()},
    }


def _reward(card: LogCard, role: str) -> str:
    return f"{role} {card.rewards[role]:g}{' × its value' if role in card.by_value else ''}"


def _left_out(card: LogCard) -> str:
    counts = {why: getattr(card.left_out, field) for field, why in LEFT_OUT.items()}
    counts["some policy's probabilities are not known"] = card.unknown
    counts["not drawn into the sample that is judged"] = card.unused
    return table(["why", "answers"], [[escape(why), f"{n:,}"] for why, n in counts.items()])


def _became(card: LogCard) -> str:
    counts = {what: getattr(card.events, field) for field, what in BECAME.items()}
    return table(["what", "events"], [[escape(what), f"{n:,}"] for what, n in counts.items()])
