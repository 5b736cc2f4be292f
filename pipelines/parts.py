"""What several stages read: the log, the vectors and the settings of a recommender."""

from dataclasses import dataclass, replace

from pipelines.run_directory import RunDirectory
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.ranker import Ranker
from recsys.recommender import Recommender
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import Instant, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Artifacts of a run, loaded and checked.

    Attributes:
        catalog: the items.
        interactions: the log.
        split: the three cut-offs.
        vectors: the student's item vectors.
        interest: the student's user tower.
        config: of a recommender.
    """

    catalog: Catalog
    interactions: Interactions
    split: TimeSplit
    vectors: ItemVectors
    interest: InterestModel
    config: RecommenderConfig

    @classmethod
    def load(cls, opened: RunDirectory) -> "Parts":
        """Verify and read.

        Raises:
            ArtifactError: something is missing or altered.
            ShapeError: vectors of another catalogue.
        """
        settings = opened.settings
        catalog = Catalog.load(opened.read("catalog"))
        vectors = ItemVectors.load(opened.read("vectors"))
        vectors.check(catalog)
        log, retrieval = opened.read("interactions"), settings.retrieval
        behaviour = Penalties.load(opened.read("index")).within(retrieval.behaviour)
        return cls(
            catalog=catalog,
            interactions=Interactions.load(log),
            split=TimeSplit.load(log),
            vectors=vectors,
            interest=InterestModel.load(opened.read("student")),
            config=RecommenderConfig(
                target=settings.task.target,
                retrieval=retrieval.model_copy(update={"behaviour": behaviour}),
                ranking=settings.ranking,
                rules=settings.rules,
                seed=settings.seed,
                threads=settings.threads,
            ),
        )

    def assemble(self, *, as_of: Instant, ranker: Ranker, config: RecommenderConfig | None = None) -> Recommender:
        """A recommender as of an instant."""
        return Recommender.assemble(
            catalog=self.catalog,
            vectors=self.vectors,
            interest=self.interest,
            interactions=self.interactions,
            as_of=as_of,
            ranker=ranker,
            config=config or self.config,
        )

    def exam(self, users: IntArray, config: EvaluationConfig) -> Exam:
        """What these users took in the test window, and the segments they and it fall into."""
        return Exam.of(self.interactions, users, split=self.split, target=self.config.target, config=config)

    def teachers(self, opened: RunDirectory) -> tuple[ItemVectors, InterestModel]:
        """The items as the teacher reads them, what task heads read left as it is, and the teacher's user tower.

        Raises:
            ArtifactError: something is missing or altered.
            ShapeError: vectors of another catalogue.
        """
        teacher = opened.read("teacher")
        vectors = replace(ItemVectors.load(teacher / "vectors"), traits=self.vectors.traits)
        vectors.check(self.catalog)
        return vectors, InterestModel.load(teacher)
