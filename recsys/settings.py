"""Every knob on one page: the rooms' settings, from defaults, a TOML file, RECSYS_* variables and the command line."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from recsys.data.config import Config, DataConfig, QualityConfig, SplitConfig, TaskConfig
from recsys.errors import ConfigError
from recsys.evaluation.config import EvaluationConfig, GateConfig
from recsys.ranking.config import AblationConfig, RankingConfig, RulesConfig
from recsys.retrieval.config import RetrievalConfig, TraitsConfig
from recsys.text.bases.config import EncoderConfig
from recsys.text.compress.config import CompressConfig
from recsys.text.config import FinetuneConfig
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.distill.config import DistillConfig
from recsys.text.heads.config import HeadConfig
from recsys.text.masked.config import PretrainConfig, PromptConfig


class Settings(Config):
    """All settings: `section.key` on the command line, [section] in a file, RECSYS_SECTION__KEY in the environment."""

    data: DataConfig = DataConfig()
    quality: QualityConfig = QualityConfig()
    split: SplitConfig = SplitConfig()
    task: TaskConfig = TaskConfig()
    encoder: EncoderConfig = EncoderConfig()
    pretrain: PretrainConfig = PretrainConfig()
    prompt: PromptConfig = PromptConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    distill: DistillConfig = DistillConfig()
    compress: CompressConfig = CompressConfig()
    cross_encoder: CrossEncoderConfig = CrossEncoderConfig()
    head: HeadConfig = HeadConfig()
    traits: TraitsConfig = TraitsConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    ranking: RankingConfig = RankingConfig()
    rules: RulesConfig = RulesConfig()
    ablation: AblationConfig = AblationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    gate: GateConfig = GateConfig()
    seed: int = Field(0, ge=0, description="Seed of everything random but the encoders, which have their own.")
    threads: int = Field(2, ge=1, description="Threads of a stage; the encoders' training has its own.")


class _Environment(Settings, BaseSettings):
    """Only to let pydantic-settings read the same fields from RECSYS_* variables."""

    model_config = SettingsConfigDict(env_prefix="RECSYS_", env_nested_delimiter="__")


def load(file: Path | None = None, assignments: Sequence[str] = ()) -> Settings:
    """Settings from the command line's assignments > RECSYS_* variables > the file > the defaults.

    Args:
        file: a TOML file with the sections of `Settings`.
        assignments: `section.key=value`, the value in TOML syntax, bare words taken as strings.

    Raises:
        ConfigError: an unreadable file, a malformed assignment, an unknown name (the nearest is offered), a bad value.
    """
    merged = _read(file) if file else {}
    _merge(merged, EnvSettingsSource(_Environment)())
    for assignment in assignments:
        _merge(merged, _parse(assignment))
    return validate(merged)


def changed(settings: Settings, assignments: Sequence[str]) -> Settings:
    """The same settings with assignments as on the command line.

    Raises:
        ConfigError: a malformed assignment, an unknown name, a bad value.
    """
    values = settings.model_dump()
    for assignment in assignments:
        _merge(values, _parse(assignment))
    return validate(values)


def validate(values: Mapping[str, Any]) -> Settings:
    """Settings from a nested mapping.

    Raises:
        ConfigError: an unknown name or a bad value.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"Cannot read the settings file {file}: {error.strerror}; check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}.") from error


def _parse(assignment: str) -> dict[str, Any]:
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


def _merge(base: dict[str, Any], extra: Mapping[str, Any]) -> None:
    for name, value in extra.items():
        if isinstance(value, Mapping) and isinstance(base.get(name), dict):
            _merge(base[name], value)
        else:
            base[name] = value


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"Setting {path}: {first['msg']}, got {first['input']!r}."
    known = list(names())
    nearest = difflib.get_close_matches(path, known, n=1, cutoff=0.0)
    return f"Unknown setting {path}; did you mean {nearest[0]}?"


def names(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting's full name, section by section."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name
