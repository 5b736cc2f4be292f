"""Stage: state refitted to the end of the log, the gate, the smoke test, one published bundle."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.console import err, warn
from pipelines.costs import costs
from pipelines.parts import Parts
from pipelines.published import Published
from pipelines.run_directory import RunDirectory
from pipelines.smoke import smoke
from pipelines.stages import BUNDLES, GATE, VERDICT, Stage, named
from recsys.artifacts import publish, read_manifest
from recsys.bundle import Bundle, seal
from recsys.bundle import release as publish_bundle
from recsys.errors import ArtifactError, GateError, ShapeError
from recsys.evaluation.cards import DATA_CARD, MODEL_CARD, data_card, model_card
from recsys.evaluation.checks import (
    PUBLISHED,
    of_costs,
    of_evaluation,
    of_published,
    of_teacher_costs,
    refused,
    unjudged,
)
from recsys.evaluation.gate import Check, Gate, rows
from recsys.evaluation.results import Evaluation
from recsys.evaluation.table import aligned
from recsys.ranking.observation import observe
from recsys.ranking.ranker import Ranker
from recsys.ranking.reference import Reference

QUALITY = "quality"
"""What a row without figures is about."""

OBSERVED = 500
"""Users, at most, whose lists show what the ranker reads."""


def run(opened: RunDirectory, stage: Stage, *, forced: str = "") -> None:
    """Publish bundles/<digest> and move bundles/current to it, unless the gate says no or it does not answer.

    The gate's table goes to stderr, to `gate` in the run, and with what is published: in its manifest all that repeats,
    in its measured.json the clock readings.

    Args:
        opened: the run.
        stage: this one.
        forced: why to publish in spite of a no; empty obeys it.

    Raises:
        ArtifactError: something to be published is missing or altered; nothing was parsed.
        GateError: a check says no, or the evaluation is of something else; what was published before stays.
        SmokeError: it does not answer as it would have to in the service; what was published before stays.
    """
    for name in stage.reads:
        opened.read(name)
    _check_evaluated(opened)
    parts, evaluation = Parts.load(opened), Evaluation.load(opened / "evaluation")
    work = opened / ".work"
    work.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{stage.name}-", dir=work) as folder:
        candidate = _written(opened, stage, parts, Path(folder))
        checks = _checks(opened, stage, parts, evaluation, candidate)
        gate = Gate(checks=tuple(checks), window=(parts.split.ranker_end, parts.split.end), forced=forced)
        err.print(aligned(rows(gate)), markup=False)
        with publish(opened / GATE, kind=GATE, parents=opened.parents(stage)) as out:
            gate.save(out)
        gate.enforce()
        reference = _observed(parts, candidate)
        reference.save(candidate)
        gate.save_measured(candidate)
        (candidate / MODEL_CARD).write_text(model_card(evaluation, gate, parents=opened.parents(stage)))
        (candidate / DATA_CARD).write_text(data_card(evaluation))
        seal(candidate, note={VERDICT: gate.lasting()})
        smoke(candidate)  # before `current` moves: who follows it never meets a bundle that does not answer
        published = publish_bundle(candidate, opened / BUNDLES)
    err.print(f"  {gate.verdict}: published {published}", markup=False)


def _check_evaluated(opened: RunDirectory) -> None:
    """Refuse an evaluation of other parts than those about to be published; no reason makes it one of these."""
    made_from = read_manifest(opened / "evaluation", kind="evaluation").parents
    there = opened.parents(named("evaluate", opened.settings))
    odd = [name for name, digest in there.items() if made_from.get(name) != digest]
    if odd:
        name = odd[0]
        raise GateError(
            f"Expected an evaluation of the {name} about to be published ({there[name][:12]}…), got one of another "
            f"({made_from.get(name, 'none')[:12]}…); nothing was released. Run `recsys evaluate --run {opened.path}`."
        )


def _written(opened: RunDirectory, stage: Stage, parts: Parts, root: Path) -> Path:
    """The candidate as a bundle, where nobody looks for one."""
    ranker = Ranker.load(opened / "ranker", threads=1)
    one_thread = parts.config.model_copy(update={"threads": 1})  # what serves many at once answers each with one
    recommender = parts.assemble(as_of=parts.interactions.end, ranker=ranker, config=one_thread)
    warn(recommender.snapshot.rules.doubts)
    return Bundle.write(
        root,
        recommender=recommender,
        interactions=parts.interactions,
        encoder=opened / "student",
        config=opened.config(stage),
        parents=opened.parents(stage),
    )


def _observed(parts: Parts, candidate: Path) -> Reference:
    """What the ranker reads of those who came last: they are the likest to those who will ask the service."""
    recommender, log = Bundle.load(candidate).recommender, parts.interactions
    assert recommender.ranker is not None
    users = log.between(parts.split.ranker_end, parts.split.end).user_indices()
    drawn = np.random.default_rng(parts.config.seed).choice(users, min(len(users), OBSERVED), replace=False)
    histories = log.histories(np.sort(drawn), as_of=log.end)
    return Reference.of(observe(recommender.snapshot, recommender.ranker, histories, as_of=log.end))


def _checks(
    opened: RunDirectory, stage: Stage, parts: Parts, evaluation: Evaluation, candidate: Path
) -> Sequence[Check]:
    """Those that repeat first, then the clock readings."""
    config = opened.settings.gate
    quality, published = _beside_published(opened, stage, parts, evaluation)
    err.print("  costs", markup=False)
    checks = [
        *of_evaluation(evaluation, config),
        *quality,
        *of_teacher_costs(evaluation, config),
        *of_costs(costs(candidate, published, config), PUBLISHED),
    ]
    return sorted(checks, key=lambda check: check.clock)


def _beside_published(
    opened: RunDirectory, stage: Stage, parts: Parts, evaluation: Evaluation
) -> tuple[list[Check], Path | None]:
    """How the candidate does beside what is published, and the bundle to compare its costs with."""
    try:
        published = Published.of(opened / BUNDLES)
        if published is None:
            return [unjudged("quality and costs", PUBLISHED, "none yet")], None
        if published.is_of(opened.parents(stage), opened.settings.rules):
            return [unjudged("quality and costs", PUBLISHED, "the same student and ranker")], None
        unfair = published.unfair(parts.split.ranker_end)
        if unfair:
            return [refused(QUALITY, PUBLISHED, unfair)], published.directory
        err.print("  the published bundle on this run's log", markup=False)
        compared = published.compared(opened, parts, evaluation)
        return of_published(compared, opened.settings.gate), published.directory
    except (ArtifactError, ShapeError) as error:
        return [refused(QUALITY, PUBLISHED, f"cannot be compared: {error}")], None
