"""Every knob on one page: the rooms' settings, from defaults, a TOML file, RECSYS_* variables and the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from recsys.data import knobs
from recsys.data.config import Config, DataConfig, NightConfig, QualityConfig, SplitConfig, TaskConfig, TrackingConfig
from recsys.evaluation.config import EvaluationConfig, GateConfig, OffPolicyConfig
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
    night: NightConfig = NightConfig()
    tracking: TrackingConfig = TrackingConfig()
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
    off_policy: OffPolicyConfig = OffPolicyConfig()
    seed: int = Field(0, ge=0, description="Seed of everything random but the encoders, which have their own.")
    threads: int = Field(2, ge=1, description="Threads of a stage; the encoders' training has its own.")


def load(file: Path | None = None, assignments: Sequence[str] = ()) -> Settings:
    """Settings from the command line's assignments > RECSYS_* variables > the file > the defaults.

    Args, errors: as for `knobs.load`.
    """
    return knobs.load(Settings, file, assignments)


def changed(settings: Settings, assignments: Sequence[str]) -> Settings:
    """The same settings with assignments as on the command line.

    Raises:
        ConfigError: a malformed assignment, an unknown name, a bad value.
    """
    values = settings.model_dump()
    for assignment in assignments:
        knobs.merge(values, knobs.parse(assignment))
    return validate(values)


def validate(values: Mapping[str, Any]) -> Settings:
    """Settings from a nested mapping.

    Raises:
        ConfigError: an unknown name or a bad value.
    """
    return knobs.validate(Settings, values)
