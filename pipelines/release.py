"""Stage: state refitted to the end of the log, the gate, one published bundle."""

from pipelines.console import err
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.bundle import Bundle
from recsys.evaluation.gate import check
from recsys.evaluation.results import Evaluation
from recsys.ranking.ranker import Ranker


def run(opened: RunDirectory, stage: Stage) -> None:
    """Publish bundles/<digest> and move bundles/current to it, unless the gate says no.

    Raises:
        GateError: the evaluation is worse than the limits; what was published before stays.
    """
    check(Evaluation.load(opened.read("evaluation")), opened.settings.gate)
    parts = Parts.load(opened)
    ranker = Ranker.load(opened.read("ranker"), threads=1)
    one_thread = parts.config.model_copy(update={"threads": 1})  # what serves many at once answers each with one
    recommender = parts.assemble(as_of=parts.interactions.end, ranker=ranker, config=one_thread)
    published = Bundle.write(
        opened / "bundles",
        recommender=recommender,
        interactions=parts.interactions,
        encoder=opened.read("student"),
        config=opened.config(stage),
        parents=opened.parents(stage),
    )
    err.print(f"  published {published}", markup=False)
