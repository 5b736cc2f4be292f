"""Settings of the trees that were tried, and how each did."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from recsys.errors import ArtifactError
from recsys.ranking.config import TreesConfig

FILE = "tuning.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One forest, learned from the earlier instants and judged on the last.

    Attributes:
        trees: its settings.
        rounds: trees it did best with.
        ndcg: nDCG@10 of the last instant's full candidate lists with about so many trees.
    """

    trees: TreesConfig
    rounds: int
    ndcg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """A search for settings.

    Attributes:
        tried: in the order they were tried, the given settings first.
    """

    tried: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The highest nDCG, the earliest of equal ones."""
        return max(self.tried, key=lambda trial: trial.ndcg)

    @property
    def chosen(self) -> TreesConfig:
        """The best one's settings, with as many trees as it did best with."""
        return self.best.trees.model_copy(update={"trees": self.best.rounds})

    def save(self, directory: Path) -> None:
        """Write tuning.json into an existing directory."""
        (directory / FILE).write_bytes(TypeAdapter(Trials).dump_json(self, indent=1) + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Trials | None":
        """Read what `save` wrote; None where nothing was: nobody searched.

        Raises:
            ArtifactError: not of the expected form.
        """
        path = directory / FILE
        if not path.is_file():
            return None
        try:
            return TypeAdapter(Trials).validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            said = f"at {where}, {first['msg'].lower()}"
            raise ArtifactError(f"{path} is no table of trials: {said}; train the ranker again.") from error
