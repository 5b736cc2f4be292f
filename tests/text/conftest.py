"""A tiny BERT and the corpus of the small shop."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.text.config import FinetuneConfig, ObjectiveConfig, OptimiserConfig
from recsys.text.corpus import Corpus
from tests.tiny import ASKING, write_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def masking_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose tokenizer can hide tokens and ask; it has no masked-language-model head."""
    return write_base(tmp_path_factory.mktemp("masking"), more=ASKING)


@pytest.fixture(scope="session")
def split(shop) -> TimeSplit:
    return TimeSplit.of(shop.interactions, SplitConfig())


@pytest.fixture(scope="session")
def corpus(shop, split: TimeSplit) -> Corpus:
    return Corpus.of(shop.catalog, shop.interactions, split.encoder_end, valid_fraction=0.2)


@pytest.fixture(scope="session")
def quick() -> Callable[..., FinetuneConfig]:
    """Settings of a training of a second, with changes by name; of its small gains, by few users, all count."""

    def make(**changes: object) -> FinetuneConfig:
        settings: dict[str, object] = {
            "head_steps": 4,
            "max_steps": 6,
            "evaluate_every": 2,
            "users_per_step": 24,
            "tokens_per_step": 600,
            "threads": 1,
            "agreement": 0.0,
            "gain_errors": 0.0,
        }
        optimiser = {name: changes.pop(name) for name in list(changes) if name in OptimiserConfig.model_fields}
        objective = {"dims": ()} | {
            name: changes.pop(name) for name in list(changes) if name in ObjectiveConfig.model_fields
        }
        groups = {"optimiser": {"layer_rate": 1e-3} | optimiser, "objective": objective}
        return FinetuneConfig.model_validate(settings | groups | changes)

    return make
