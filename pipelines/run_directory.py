"""A run on disk: its settings, its artifacts, and which stages are still true."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.lock import LOCK
from pipelines.stages import BUNDLE, BUNDLES, GATE, VERDICT, Stage, kind_of
from recsys import __version__
from recsys.artifacts import digest_of, publish, read_manifest, verify
from recsys.errors import ArtifactError, UsageError
from recsys.schema import Instant
from recsys.settings import Settings, validate
from recsys.workspace import swept

RUN_FILE = "run.json"
HEAD = "head"
TEACHER = "teacher"
CROSS_ENCODER = "cross_encoder"
"""The kinds of manifests outside a run: of a task head, of a teacher, and of a cross-encoder, which teaches too."""


def home(path: Path) -> Path:
    """The directory that a run's bundles lie in, and whose lock keeps others out: its own, or that of all nights."""
    return (path / BUNDLES).resolve().parent


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDirectory:
    """One run.

    Attributes:
        path: the directory that holds everything the run makes.
        source: a known source's name, or the absolute path of a directory in an input form.
        source_digest: identity of the source's content.
        until: where the log is cut before anything else; an ISO time, a quantile, or None.
        settings: all settings.
        floor: cut-offs of the split, ascending, that the run's do not lie before; empty where there are none.
    """

    path: Path
    source: str
    source_digest: str
    until: str | None
    settings: Settings
    floor: tuple[Instant, ...] = ()

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """An existing run.

        Raises:
            UsageError: not a run directory.
        """
        file = path / RUN_FILE
        try:
            body = json.loads(file.read_text())
            return cls(
                path=path,
                source=body["source"],
                source_digest=body["source_digest"],
                until=body["until"],
                settings=validate(body["settings"]),
                floor=tuple(int(at) for at in body.get("floor", ())),
            )
        except FileNotFoundError as error:
            raise UsageError(f"Expected a run at {path}, found no {RUN_FILE}; start with `recsys run`.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{file} cannot be read ({error}); start anew with `recsys run`.") from error

    @staticmethod
    def check_free(path: Path) -> None:
        """Refuse to begin a run among somebody's files.

        Raises:
            UsageError: `path` is a file, or a directory that holds something and is no run.
        """
        held = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
        if (path.exists() and not path.is_dir()) or (held and RUN_FILE not in held and held != [LOCK]):
            found = f"a directory that holds {held[0]} and no {RUN_FILE}" if held else "a file"
            raise UsageError(
                f"Expected --run as a new directory or an earlier run, got {path}, {found}; choose another."
            )

    def save(self) -> None:
        """Write run.json in one step."""
        body = {
            "source": self.source,
            "source_digest": self.source_digest,
            "until": self.until,
            "settings": self.settings.model_dump(mode="json"),
            "floor": list(self.floor),
        }
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{RUN_FILE}"
        temporary.write_text(json.dumps(body, indent=1))
        temporary.replace(self.path / RUN_FILE)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def read(self, name: str) -> Path:
        """The directory of an artifact, every file of it compared with its sha256.

        Raises:
            ArtifactError: it is missing, incomplete or altered.
        """
        verify(self / name, kind=name)
        return self / name

    def work(self, stage: Stage) -> Path:
        """Where a stage keeps what it needs to resume; bound to its inputs, so that a stale one is never picked up."""
        return self.path / ".work" / f"{stage.name}-{digest_of([self.config(stage), self.parents(stage)])[:12]}"

    def tidy(self, stage: Stage) -> None:
        """Delete what killed processes have left of what a stage makes.

        Where it is to be made, what was begun from other inputs goes, too; what it can go on from stays. Only for who
        holds the run's lock: nobody else may be writing.
        """
        names = [*stage.makes, *((GATE, f"{BUNDLES}/{kind_of(BUNDLE)}") if BUNDLE in stage.makes else ())]
        for name in names:
            swept(self / name)
        if self.is_made(stage):
            return
        with contextlib.suppress(ArtifactError):  # its inputs are still to be made: nobody knows what goes on from them
            begun = self.work(stage)
            for path in begun.parent.glob(f"{stage.name}-*"):
                if path != begun:
                    shutil.rmtree(path, ignore_errors=True)

    def config(self, stage: Stage) -> dict[str, Any]:
        """What identifies the stage's settings; JSON types."""
        everything = self.settings.model_dump(mode="json")
        config = {name: everything[name] for name in stage.sections}
        config["version"] = __version__
        if not stage.reads:
            config |= {"source": self.source_digest, "until": self.until}
            config |= {"floor": list(self.floor)} if self.floor else {}
        return config

    def parents(self, stage: Stage) -> dict[str, str]:
        """Digests of what the stage reads; task heads and further teachers lie outside the run.

        Raises:
            ArtifactError: something it reads has not been made.
        """
        made = {name: read_manifest(self / name, kind=name).digest for name in stage.reads}
        outside = self._outside(stage).items()
        return made | {path: read_manifest(Path(path), kind=kind).digest for path, kind in outside if path}

    def _outside(self, stage: Stage) -> dict[str, str]:
        """Path → kind of what the stage's settings name; an empty path is none."""
        named = {
            "traits": dict.fromkeys(self.settings.traits.heads, HEAD),
            "finetune": {self.settings.finetune.continual.start: TEACHER},
            "distill": dict.fromkeys(self.settings.distill.teachers, TEACHER)
            | {self.settings.distill.cross.directory: CROSS_ENCODER},
        }
        return {path: kind for section in stage.sections for path, kind in named.get(section, {}).items()}

    def is_made(self, stage: Stage) -> bool:
        """Whether everything the stage makes is there, from these very inputs and settings."""
        try:
            manifests = [read_manifest(self / name, kind=kind_of(name)) for name in stage.makes]
            parents = self.parents(stage)
        except ArtifactError:
            return False
        config = self.config(stage)
        asked = [{name: value for name, value in m.config.items() if name != VERDICT} for m in manifests]
        return all(a == config and dict(m.parents) == parents for a, m in zip(asked, manifests, strict=True))

    @contextlib.contextmanager
    def make(self, stage: Stage) -> Iterator[Mapping[str, Path]]:
        """Directories to write what the stage makes; all are published when the block ends well, or none.

        Yields:
            artifact name → directory.
        """
        config, parents = self.config(stage), self.parents(stage)
        with contextlib.ExitStack() as stack:
            # The first artifact is published last (stacks unwind), so an interruption between two renames is redone.
            out = {
                name: stack.enter_context(publish(self / name, kind=name, config=config, parents=parents))
                for name in stage.makes
            }
            yield out
