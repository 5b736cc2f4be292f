"""What the tests of the deployment read: its files, and the command line they call."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from pipelines.__main__ import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILES = ("serving", "training")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A line of a Dockerfile, continued ones joined.

    Attributes:
        name: FROM, RUN and so on.
        text: what stands behind it.
        stage: number of the FROM it belongs to, from 1; 0 before the first.
    """

    name: str
    text: str
    stage: int


def dockerfile(name: str) -> list[Instruction]:
    """Its instructions, in order."""
    lines = [line for line in source(name).splitlines() if line.strip() and not line.startswith("#")]
    found: list[Instruction] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, text = line.partition(" ")
        stage = (found[-1].stage if found else 0) + (word == "FROM")
        found.append(Instruction(name=word, text=" ".join(text.split()), stage=stage))
    return found


def source(name: str) -> str:
    """The text of a Dockerfile."""
    return (DEPLOY / f"{name}.Dockerfile").read_text()


def builds() -> dict[str, dict[str, str]]:
    """Image → what it is built by: `file`, and build arguments, as the comments at the Dockerfiles' tops say."""
    made = {}
    for name in DOCKERFILES:
        for line in source(name).splitlines():
            if line.startswith("#   docker build "):
                words = shlex.split(line[2:])
                arguments = [after for word, after in pairwise(words) if word == "--build-arg"]
                assert words[words.index("-f") + 1] == f"deploy/{name}.Dockerfile"
                made[words[words.index("-t") + 1]] = {"file": name} | dict(a.split("=", 1) for a in arguments)
    return made


def read_yaml(name: str) -> Any:
    """A YAML file of the folder."""
    return yaml.safe_load((DEPLOY / name).read_text())


def understood(arguments: Sequence[str]) -> dict[str, Any]:
    """What `recsys` takes from a command line, nothing run; `command` is the name; fails where it would refuse."""
    group = get_command(app)
    with group.make_context("recsys", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        with command.make_context(name, rest, parent=context) as inner:
            return {"command": name} | inner.params
