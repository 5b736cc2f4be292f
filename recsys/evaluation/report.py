"""report.html: one file that opens anywhere, loads nothing and runs no script."""

from collections.abc import Mapping
from datetime import timedelta
from html import escape

from recsys.evaluation.calibration import calibration, chances
from recsys.evaluation.gate import Gate
from recsys.evaluation.kept import kept
from recsys.evaluation.markup import cell, page, section, share, table
from recsys.evaluation.pareto import variants
from recsys.evaluation.plots import bar, line, scale, whisker
from recsys.evaluation.results import EncoderScore, Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.table import in_order
from recsys.evaluation.tuning import tuning
from recsys.evaluation.variants import Variants
from recsys.evaluation.verdict import verdict
from recsys.evaluation.wording import ablation, headline, label, number
from recsys.schema import Instant, moment

FEATURES = 20
_READING = (
    "Brackets hold 95 % intervals of a bootstrap over users; differences are ours minus the other, paired over the "
    "same users. Each interval stands alone: with this many of them, about one in twenty misses."
)


def render(evaluation: Evaluation, found: Variants | None = None, gate: Gate | None = None) -> str:
    """The whole page, with variants of the encoder and the gate's verdict where there are such.

    Equal values give equal bytes.
    """
    sections = [
        section("Methods", _methods(evaluation)),
        section("What the parts add", _ablations(evaluation)),
        section("Segments", _segments(evaluation)),
        section("The encoder alone", _encoders(evaluation)),
        section("What distillation kept", kept(evaluation.kept)),
        section("Variants of the encoder", variants(found)),
        section("Interest as a probability", calibration(evaluation.reliability)),
        section("The ranker's probability", chances(evaluation.probability)),
        section("Candidates", _sources(evaluation)),
        section("Training", _training(evaluation)),
        section("What the update kept", _forgetting(evaluation)),
        section("What the ranker looks at", _importance(evaluation)),
        section("Settings of the ranker", tuning(evaluation.trials)),
        section("All metrics", _everything(evaluation)),
        section("The gate", verdict(gate)),
        section("Data and time", _data(evaluation)),
    ]
    said = f'<p class="headline">{escape(headline(evaluation))}</p>\n<p class="note">{_READING}</p>\n'
    return page(f"{evaluation.ours} on {evaluation.data.name}", said + "".join(sections))


def _name(evaluation: Evaluation, name: str) -> str:
    return f'<span class="ours">{escape(name)}</span>' if name == evaluation.ours else f"<span>{escape(name)}</span>"


def _methods(evaluation: Evaluation) -> str:
    metric = evaluation.headline
    names = in_order(evaluation)
    heads = {name: evaluation.methods[name].scores[OVERALL][metric] for name in names}
    axis = scale(list(heads.values()))
    plot = "".join(f"{_name(evaluation, n)}{whisker(heads[n], axis)}<b>{number(heads[n].mean)}</b>" for n in names)
    rows = []
    for name in names:
        scores, ours_minus = (
            evaluation.methods[name].scores[OVERALL],
            evaluation.differences.get(name, {}).get(OVERALL, {}),
        )
        cells = [cell(scores.get(m)) for m in evaluation.shown]
        rows.append([_name(evaluation, name), *cells, *(cell(ours_minus.get(m)) for m in evaluation.leading)])
    head = ["method", *map(label, evaluation.shown), *(f"ours − it, {label(m)}" for m in evaluation.leading)]
    title = escape(label(metric))
    return f'<h3>{title}</h3><div class="plot">{plot}</div>\n<h3>Figures</h3>{table(head, rows)}'


def _ablations(evaluation: Evaluation) -> str:
    parts = []
    for without in evaluation.named("ablation"):
        metric = evaluation.headline
        found = {name: metrics[metric] for name, metrics in evaluation.differences[without].items()}
        axis = scale(list(found.values()))
        plot = "".join(
            f"<span>{escape(name)} <small>{d.n:,} users</small></span>{whisker(d, axis)}<b>{cell(d)}</b>"
            for name, d in found.items()
        )
        parts.append(f'<p>{escape(ablation(evaluation, without))}</p><div class="plot">{plot}</div>\n')
    return "".join(parts)


def _segments(evaluation: Evaluation) -> str:
    ours = evaluation.methods[evaluation.ours].scores
    others = [*evaluation.named("baseline")[:1], *evaluation.named("ablation")]
    rows = []
    for name, scores in ours.items():
        users = max(score.n for score in scores.values())
        cells = [cell(scores.get(metric)) for metric in evaluation.leading]
        cells += [cell(evaluation.differences[other].get(name, {}).get(evaluation.headline)) for other in others]
        rows.append([escape(name), f"{users:,}", *cells])
    head = ["segment", "users", *map(label, evaluation.leading)]
    head += [f"ours − {other}, {label(evaluation.headline)}" for other in others]
    note = (
        "Cold items had no event before the test window, warm items had. In both, lists compete over the whole "
        "catalogue and only finding that kind counts. New users came lately or left few signs."
    )
    return f'{table(head, rows)}<p class="note">{note}</p>'


def _encoders(evaluation: Evaluation) -> str:
    rows = [_encoder(evaluation, name, e) for name, e in evaluation.encoders.items()]
    left = [f"kept of the teacher's {label(evaluation.headline)}"]
    head = ["encoder", "layers", "MB", "ms/text", *map(label, evaluation.leading), *left]
    note = "Lists by the dot product of user and item vector: item text and the user's history, nothing else."
    return f'{table(head, rows)}<p class="note">{note}</p>' if rows else ""


def _encoder(evaluation: Evaluation, name: str, encoder: EncoderScore) -> list[str]:
    milliseconds = evaluation.measured.encoder_ms.get(name)
    time = "–" if milliseconds is None else f"{milliseconds:.1f}"
    scores = [cell(encoder.scores.get(metric)) for metric in evaluation.leading]
    return [
        escape(name),
        str(encoder.layers),
        f"{encoder.size / 1e6:.1f}",
        time,
        *scores,
        share(encoder.kept.get(evaluation.headline)),
    ]


def _sources(evaluation: Evaluation) -> str:
    if not evaluation.sources:
        return ""
    plot = "".join(
        f"<span>{escape(name)} <small>{s.candidates:,.0f} candidates a user</small></span>"
        f"{bar(s.recall.mean, s.recall)}<b>{cell(s.recall)}</b>"
        for name, s in evaluation.sources.items()
    )
    note = "Share of a user's truth among the candidates of each source: the most the ranker could find there."
    return f'<p class="note">{note}</p><div class="plot">{plot}</div>\n{_marginal(evaluation)}'


def _marginal(evaluation: Evaluation) -> str:
    """What only one source proposes."""
    rows = [
        [escape(name), f"{s.only:,.1f}", cell(s.lost)] for name, s in evaluation.sources.items() if s.only is not None
    ]
    head = ["source left out", "candidates lost a user", "recall lost"]
    note = "What no other source proposes: without this one, all sources together would have so much less."
    return f'<h3>One source less</h3>{table(head, rows)}<p class="note">{note}</p>\n' if rows else ""


def _training(evaluation: Evaluation) -> str:
    charts = [f"<div><h3>{escape(name)}</h3>{line(curve)}</div>" for name, curve in evaluation.training.items()]
    return f'<div class="charts">{"".join(charts)}</div>\n' if charts else ""


def _forgetting(evaluation: Evaluation) -> str:
    rows = []
    for name, change in evaluation.forgetting.items():
        window = f"{escape(name)}<small>{_day(change.start)} to {_day(change.end)}</small>"
        cells = [cell(change.before), cell(change.after), cell(change.difference), share(change.kept)]
        rows.append([window, f"{change.before.n:,}", *cells])
    head = ["window", "users", "before", "after", "after − before", "kept"]
    note = (
        "nDCG@10 of the teacher this one went on from, and of this one, by text and history alone. Neither has learned "
        "from these users' events in these windows: the old one judged the last teacher, the new one judged this."
    )
    return f'{table(head, rows)}<p class="note">{note}</p>' if rows else ""


def _importance(evaluation: Evaluation) -> str:
    shown = list(evaluation.importance.items())[:FEATURES]
    if not shown:
        return ""
    top = max(part for _, part in shown) or 1.0
    plot = "".join(f"<span>{escape(name)}</span>{bar(part / top)}<b>{part:.1%}</b>" for name, part in shown)
    rest = len(evaluation.importance) - len(shown)
    more = f"; {rest} smaller features left out" if rest > 0 else ""
    drawn = "" if evaluation.draw is None else f" The ranker {escape(evaluation.draw.sentence)}."
    note = f"Share of the gain of all splits, or of the weights where the ranker is linear{more}.{_places(evaluation)}"
    return f'<p class="note">{note}{drawn}</p><div class="plot">{plot}</div>\n'


def _places(evaluation: Evaluation) -> str:
    """What the ranker's labels were corrected by."""
    seen = evaluation.examination
    if seen is None:
        return ""
    return (
        f" Its labels are corrected for places: place p is looked at p^−{seen.eta:.2f} times as often as the first "
        f"(standard error {seen.error:.2f}, from {seen.taken:,} positive events), so what was taken there counts "
        f"p^{seen.eta:.2f} times, at most {seen.limit:g}."
    )


def _everything(evaluation: Evaluation) -> str:
    names = in_order(evaluation)
    scores = {name: evaluation.methods[name].scores[OVERALL] for name in names}
    rows = [[escape(label(m)), *(cell(scores[name].get(m)) for name in names)] for m in scores[evaluation.ours]]
    exposures = [evaluation.methods[name].exposure for name in names]
    rows.append(["coverage", *(f"{e.coverage:.1%}" for e in exposures)])
    rows.append(["Gini", *(f"{e.gini:.3f}" for e in exposures)])
    note = (
        "Coverage: share of the catalogue in at least one list. Gini: 0 all items shown alike, 1 one item only. "
        "Both are facts about the lists, not estimates. Novelty: bits, higher is less popular."
    )
    return table(["metric", *names], rows) + f'<p class="note">{note}</p>'


def _data(evaluation: Evaluation) -> str:
    d = evaluation.data
    span = max(d.end - d.first, 1)
    windows = [
        ("encoder", d.first, d.encoder_end),
        ("ranker", d.encoder_end, d.ranker_end),
        ("test", d.ranker_end, d.end),
    ]
    strip = "".join(f'<span style="width:{100 * (b - a) / span:.1f}%">{name}</span>' for name, a, b in windows)
    clock = "" if d.clock == "real" else " (this log has no real clock: only the order means something)"
    facts = {
        "events": f"{d.rows:,} ({', '.join(f'{n:,} {e}' for e, n in d.events.items())})",
        "users, items": f"{d.users:,} users, {d.items:,} items",
        "left out by the source's rule": _counts(d.filtered),
        "malformed": _counts(d.rejects),
        "target": {"all": "all items", "new": "only items the user had not taken before"}[evaluation.target],
        **{f"{name} window": f"from {_day(a)} to {_day(b)}{clock}" for name, a, b in windows},
    }
    if evaluation.measured.stage_seconds:
        times = evaluation.measured.stage_seconds.items()
        facts["time taken"] = ", ".join(f"{name} {timedelta(seconds=round(s))}" for name, s in times)
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items())
    return f'<div class="strip">{strip}</div><dl>{terms}</dl>\n'


def _counts(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {reason}" for reason, n in reasons.items()) or "none"


def _day(at: Instant) -> str:
    return f"{moment(at):%Y-%m-%d %H:%M}"
