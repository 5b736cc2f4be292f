"""Settings from several places: a TOML file, RECSYS_* variables, assignments on the command line."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource

from recsys.errors import ConfigError

M = TypeVar("M", bound=BaseModel)

_PREFIX = "RECSYS_"


def load(model: type[M], file: Path | None = None, assignments: Sequence[str] = ()) -> M:
    """Settings from the command line's assignments > RECSYS_* variables > the file > the defaults.

    Args:
        model: the groups of settings, each a section.
        file: a TOML file with these sections.
        assignments: `section.key=value`, the value in TOML syntax, bare words taken as strings.

    Raises:
        ConfigError: an unreadable file, a malformed assignment, an unknown name (the nearest is offered), a bad value.
    """
    given = _read(file) if file else {}
    later: dict[str, Any] = EnvSettingsSource(model, env_prefix=_PREFIX, env_nested_delimiter="__")()  # type: ignore[arg-type]
    for assignment in assignments:
        merge(later, parse(assignment))
    merged = deepcopy(given)
    merge(merged, later)
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        told = error.errors()[0]["loc"]
        where = f" in {file}" if _holds(given, told) and not _holds(later, told) else ""
        raise ConfigError(_sentence(model, error, where)) from error


def validate(model: type[M], values: Mapping[str, Any]) -> M:
    """Settings from a nested mapping.

    Raises:
        ConfigError: an unknown name or a bad value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(model, error)) from error


def parse(assignment: str) -> dict[str, Any]:
    """`section.key=value` as a nested mapping.

    Raises:
        ConfigError: no such form.

    >>> parse("limits.answers=8"), parse("task.target=new")
    ({'limits': {'answers': 8}}, {'task': {'target': 'new'}})
    """
    path, separator, text = assignment.partition("=")
    if not separator or not path:
        raise ConfigError(f"Expected section.key=value, got {assignment!r}.")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for name in reversed(path.strip().split(".")):
        value = {name: value}
    return dict(value)


def merge(base: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Put what `extra` says in place of what `base` says."""
    for name, value in extra.items():
        if isinstance(value, Mapping) and isinstance(base.get(name), dict):
            merge(base[name], value)
        else:
            base[name] = value


def names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting's full name, section by section."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"Cannot read the settings file {file}: {error.strerror}; check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}.") from error


def _holds(values: Any, path: Sequence[int | str]) -> bool:
    """Whether a nested mapping has something at a path, or ends on the way there."""
    for name in path:
        if not isinstance(values, Mapping):
            return True
        if name not in values:
            return False
        values = values[name]
    return True


def _sentence(model: type[BaseModel], error: ValidationError, where: str = "") -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"Setting {path}{where}: {first['msg']}, got {first['input']!r}."
    nearest = difflib.get_close_matches(path, list(names(model)), n=1, cutoff=0.0)
    return f"Unknown setting {path}{where}; did you mean {nearest[0]}?"
