"""The report's section on the settings that were tried for the ranker's trees."""

from recsys.evaluation.markup import table
from recsys.evaluation.wording import number
from recsys.ranking.trials import Trial, Trials

SHOWN = 10
"""Best trials that are shown beside the given settings."""

_SETTINGS = ("leaves", "learning_rate", "min_rows", "l2", "feature_fraction", "row_fraction", "truncation", "others")


def tuning(trials: Trials | None) -> str:
    """The given settings and the best of those tried, best first; empty where nothing was."""
    if trials is None:
        return ""
    chosen, (given, *others) = trials.best, list(enumerate(trials.tried))
    shown = [given, *sorted(others, key=lambda entry: -entry[1].ndcg)[:SHOWN]]
    rows = [_row(str(number or "given"), trial, trial is chosen) for number, trial in shown]
    head = ["trial", "nDCG@10", "trees", *(name.replace("_", " ") for name in _SETTINGS)]
    note = (
        f"{len(trials.tried)} settings, each learned from the earlier instants and judged on the last, which chose "
        "the marked one; its figure there is flattering, the lists above were judged on what came later."
    )
    return f'{table(head, rows)}<p class="note">{note}</p>'


def _row(name: str, trial: Trial, is_chosen: bool) -> list[str]:
    told = f'<span class="ours">{name}</span>' if is_chosen else name
    return [told, number(trial.ndcg), str(trial.rounds), *(f"{getattr(trial.trees, s):.3g}" for s in _SETTINGS)]
