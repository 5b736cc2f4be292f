"""The river's stages in order: what each makes, reads, and is shaped by. Light: no stage is imported here."""

from dataclasses import dataclass, replace

from recsys.errors import UsageError
from recsys.settings import Settings

BUNDLES, CURRENT = "bundles", "current"
"""The folder of bundles, and the name of the link in it; `recsys.bundle` has the same one, and all that answers."""

BUNDLE = f"{BUNDLES}/{CURRENT}"
"""The bundle in use, a link to bundles/<digest>."""

GATE = "gate"
"""The last verdict on a release, whether it went out or not; what it says of a bundle stays with the bundle, too."""

VERDICT = "verdict"
"""In the config of a bundle's manifest: what the gate said; no setting asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step from artifacts to artifacts.

    Attributes:
        name: the command, and the module below `pipelines` whose `run` does the work.
        makes: the artifact directories it publishes, in the order they are published.
        reads: the artifact directories it is made from.
        sections: the settings that shape it.
        switch: section.key of the setting that leaves the stage out where it is 0; without one it is always there.
    """

    name: str
    makes: tuple[str, ...]
    reads: tuple[str, ...]
    sections: tuple[str, ...]
    switch: str | None = None


STAGES: tuple[Stage, ...] = (
    Stage(name="prepare", makes=("catalog", "interactions"), reads=(), sections=("data", "quality", "split")),
    Stage(
        name="pretrain",
        makes=("pretrained",),
        reads=("catalog", "interactions"),
        sections=("encoder", "pretrain"),
        switch="pretrain.steps",
    ),
    Stage(
        name="finetune",
        makes=("teacher",),
        reads=("catalog", "interactions", "pretrained"),
        sections=("encoder", "finetune"),
    ),
    Stage(
        name="distill",
        makes=("student",),
        reads=("catalog", "interactions", "teacher"),
        sections=("distill", "compress"),
    ),
    Stage(
        name="embed",
        makes=("vectors", "index"),
        reads=("catalog", "interactions", "student"),
        sections=("retrieval", "traits", "threads"),
    ),
    Stage(
        name="train_ranker",
        makes=("ranker",),
        reads=("catalog", "interactions", "teacher", "student", "vectors", "index"),
        sections=("task", "retrieval", "ranking", "ablation", "seed", "threads"),
    ),
    Stage(
        name="evaluate",
        makes=("evaluation",),
        reads=("catalog", "interactions", "teacher", "student", "vectors", "index", "ranker"),
        sections=("task", "retrieval", "ranking", "rules", "evaluation", "seed", "threads"),
    ),
    Stage(
        name="release",
        makes=(BUNDLE,),
        reads=("catalog", "interactions", "student", "vectors", "index", "ranker", "evaluation"),
        sections=("data", "task", "retrieval", "ranking", "rules", "gate", "seed"),
    ),
)


def chosen(settings: Settings) -> tuple[Stage, ...]:
    """The stages that the settings ask for; what a stage left out would have made, the others do not read."""
    absent = {name for stage in STAGES if _is_off(stage, settings) for name in stage.makes}
    kept = (stage for stage in STAGES if not _is_off(stage, settings))
    return tuple(replace(stage, reads=tuple(name for name in stage.reads if name not in absent)) for stage in kept)


def named(name: str, settings: Settings) -> Stage:
    """One of the stages that the settings ask for.

    Raises:
        UsageError: they leave it out.
    """
    for stage in chosen(settings):
        if stage.name == name:
            return stage
    switch = next(stage.switch for stage in STAGES if stage.name == name)
    raise UsageError(
        f"Expected {switch} above 0 in this run to have a stage {name}, got 0; "
        f"start with `recsys run … --set {switch}=…`."
    )


def _is_off(stage: Stage, settings: Settings) -> bool:
    if stage.switch is None:
        return False
    section, key = stage.switch.split(".")
    return not getattr(getattr(settings, section), key)


def kind_of(name: str) -> str:
    """The kind that an artifact's manifest must state."""
    return "bundle" if name == BUNDLE else name
