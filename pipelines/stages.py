"""The river's stages in order: what each makes, reads, and is shaped by. Light: no stage is imported here."""

from dataclasses import dataclass

BUNDLE = "bundles/current"
"""The bundle in use, a link to bundles/<digest>."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step from artifacts to artifacts.

    Attributes:
        name: the command, and the module below `pipelines` whose `run` does the work.
        makes: the artifact directories it publishes, in the order they are published.
        reads: the artifact directories it is made from.
        sections: the settings that shape it.
    """

    name: str
    makes: tuple[str, ...]
    reads: tuple[str, ...]
    sections: tuple[str, ...]


STAGES: tuple[Stage, ...] = (
    Stage(name="prepare", makes=("catalog", "interactions"), reads=(), sections=("data", "quality", "split")),
    Stage(
        name="finetune",
        makes=("teacher",),
        reads=("catalog", "interactions"),
        sections=("encoder", "finetune"),
    ),
    Stage(
        name="distill",
        makes=("student",),
        reads=("catalog", "interactions", "teacher"),
        sections=("distill",),
    ),
    Stage(name="embed", makes=("vectors", "index"), reads=("catalog", "student"), sections=("retrieval", "threads")),
    Stage(
        name="train_ranker",
        makes=("ranker",),
        reads=("catalog", "interactions", "student", "vectors"),
        sections=("task", "retrieval", "ranking", "seed", "threads"),
    ),
    Stage(
        name="evaluate",
        makes=("evaluation",),
        reads=("catalog", "interactions", "teacher", "student", "vectors", "index", "ranker"),
        sections=("task", "retrieval", "ranking", "evaluation", "seed", "threads"),
    ),
    Stage(
        name="release",
        makes=(BUNDLE,),
        reads=("catalog", "interactions", "student", "vectors", "index", "ranker", "evaluation"),
        sections=("data", "task", "retrieval", "ranking", "gate", "seed"),
    ),
)

BY_NAME = {stage.name: stage for stage in STAGES}


def kind_of(name: str) -> str:
    """The kind that an artifact's manifest must state."""
    return "bundle" if name == BUNDLE else name
