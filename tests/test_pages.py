"""The pages keep their word: their examples run, and the settings, files, names and links they mention exist."""

import doctest
import importlib.util
import pkgutil
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.core
import typer.main
from pydantic import BaseModel

import serving.settings
from pipelines.__main__ import app
from recsys.settings import Settings

ROOT = Path(__file__).parents[1]
CONCEPTS = (
    "recsys/data/time.md",
    "recsys/text/logq.md",
    "recsys/text/distill/distillation.md",
    "recsys/ranking/propensities.md",
    "recsys/evaluation/off_policy/refusals.md",
)
COMMANDED = ("README.md", "CONTRIBUTING.md", "BENCHMARKS.md", "deploy/SIZING.md")
PAGES = ("README.md", "CONTRIBUTING.md", *CONCEPTS)

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_DOTTED = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+(?:\.\*)?")
_TOPS = {"recsys", "serving", "pipelines", "tests", "notebooks", "deploy"}
_FILES = {"py", "md", "toml", "txt", "json", "parquet", "html", "csv", "jsonl", "dat", "tsv", "yaml", "gz", "inter"}


def marked(text: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(text)


def settings_in(text: str) -> list[str]:
    """What reads as section.key, with or without a value behind it."""
    names = (code.partition("=")[0] for code in marked(text))
    dotted = (name for name in names if _DOTTED.fullmatch(name))
    return [name for name in dotted if name.split(".")[0] not in _TOPS and name.rsplit(".", 1)[1] not in _FILES]


def files_in(text: str) -> list[str]:
    """What reads as a file's path from the repository's root."""
    first = (code.split()[0] for code in marked(text) if code.strip())
    return [word for word in first if "/" in word and word.split("/")[0] in _TOPS and Path(word).suffix]


def names_in(text: str) -> list[str]:
    """What reads as a module, or as something in one."""
    return [code for code in marked(text) if re.fullmatch(r"(?:recsys|serving|pipelines)(?:\.\w+)+", code)]


def modules_in(text: str) -> set[str]:
    """Of this repository, that a page has Python run."""
    return {name for name in re.findall(r"python3? -m ([a-z_][\w.]*\w)", text) if name.split(".")[0] in _TOPS}


def subcommands_in(text: str) -> set[str]:
    """First words behind `recsys` in code, and at the start of an indented line."""
    marks = (found for code in marked(text) for found in re.findall(r"^(?:\.venv/bin/)?recsys ([a-z][a-z-]*)", code))
    lines = re.findall(r"^ {4,}(?:\.venv/bin/)?recsys ([a-z][a-z-]*)", text, re.MULTILINE)
    return {*marks, *lines}


def is_setting(name: str, model: type[BaseModel]) -> bool:
    """Whether section.key, or section.*, leads to something below a model."""
    section, _, rest = name.partition(".")
    if section == "*":
        return True
    if section not in model.model_fields:
        return False
    if not rest:
        return True
    kinds: tuple[Any, ...] = (model.model_fields[section].annotation,)
    kinds += get_args(kinds[0])
    return any(is_setting(rest, kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))


@pytest.mark.parametrize("page", CONCEPTS)
def test_the_examples_of_a_page_say_what_the_code_says(page: str) -> None:
    found = doctest.testfile(str(ROOT / page), module_relative=False)
    assert found.attempted > 5
    assert found.failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_a_page_names_exist(page: str) -> None:
    names = settings_in((ROOT / page).read_text())
    unknown = [n for n in names if not any(is_setting(n, s) for s in (Settings, serving.settings.Settings))]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_files_names_and_links_of_a_page_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    assert [name for name in files_in(text) if not (ROOT / name).exists()] == []
    for name in names_in(text):
        pkgutil.resolve_name(name)
    links = [link for link in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", COMMANDED)
def test_commands_of_a_page_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    assert [name for name in sorted(modules_in(text)) if importlib.util.find_spec(name) is None] == []
    known = typer.main.get_command(app)
    assert isinstance(known, typer.core.TyperGroup)
    assert subcommands_in(text) - set(known.commands) == set()


def test_every_section_of_figures_names_a_command_that_makes_them() -> None:
    _, *sections = re.split(r"^## ", (ROOT / "BENCHMARKS.md").read_text(), flags=re.MULTILINE)
    made = re.compile(r"\b(?:recsys [a-z]+|python -m [\w.]+|pytest |make (?:bench|demo|prove))")
    assert [section.splitlines()[0] for section in sections if not made.search(section)] == []


def test_a_page_that_names_what_is_not_there_would_be_found() -> None:
    text = "`finetune.objective.logq=.5` `finetune.objectiv.logq` `limits.answers` `recsys/none.py` `data.mapping.*`"
    assert settings_in(text) == [
        "finetune.objective.logq",
        "finetune.objectiv.logq",
        "limits.answers",
        "data.mapping.*",
    ]
    known = [any(is_setting(n, s) for s in (Settings, serving.settings.Settings)) for n in settings_in(text)]
    assert known == [True, False, True, True]
    assert files_in(text) == ["recsys/none.py"]
    assert names_in("`recsys.data.split` and `recsys.data.split.TimeSplit`") == [
        "recsys.data.split",
        "recsys.data.split.TimeSplit",
    ]
    assert modules_in("`python -m tests.bench.none`, `python -m venv`") == {"tests.bench.none"}
    assert subcommands_in("`recsys runs --run R` and\n    recsys fly  # nowhere") == {"runs", "fly"}
    with pytest.raises(AttributeError):
        pkgutil.resolve_name("recsys.data.split.Nothing")


def test_every_reason_to_refuse_stands_in_the_page_on_refusals() -> None:
    rooms = ("off_policy", "experiment")
    sources = [path for room in rooms for path in (ROOT / "recsys/evaluation" / room).rglob("*.py")]
    sources.append(ROOT / "recsys/evaluation/interleaved_log.py")
    given = r'Refusal\(\s*name="([a-z-]+)"|^\s+\("([a-z]+(?:-[a-z]+)+)", '
    found = {a or b for path in sources for a, b in re.findall(given, path.read_text(), re.MULTILINE)}
    assert {"no-support", "missing-propensities", "little-overlap"} <= found
    told = set(marked((ROOT / "recsys/evaluation/off_policy/refusals.md").read_text()))
    assert found - told == set()
