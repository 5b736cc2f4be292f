"""One page of settings: every one described, told apart by file and key where it is wrong."""

from pathlib import Path

import pytest

from recsys.data import knobs
from recsys.errors import ConfigError
from serving.settings import USUAL, Settings


def test_a_file_sets_limits_and_log(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text("[limits]\nanswers = 4\n[log]\nfeatures = 0.5\nkeep_days = 30\n")
    chosen = knobs.load(Settings, file)
    assert (chosen.limits.answers, chosen.log.features, chosen.log.keep_days) == (4, 0.5, 30)
    assert (chosen.limits.changes, chosen.log.candidates) == (USUAL.limits.changes, USUAL.log.candidates)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[limits]\nanwers = 4\n", "Unknown setting limits.anwers in {}; did you mean limits.answers?"),
        ("[limits]\nanswers = 0\n", "Setting limits.answers in {}: Input should be greater than or equal to 1, got 0."),
        ("[log]\nfeatures = 2\n", "Setting log.features in {}: Input should be less than or equal to 1, got 2."),
    ],
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        knobs.load(Settings, file)
    assert str(raised.value) == sentence.format(file)


def test_every_setting_has_a_sentence() -> None:
    groups = [field.annotation for field in Settings.model_fields.values()]
    without = [
        f"{group.__name__}.{name}"
        for group in groups
        for name, field in group.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert without == []
