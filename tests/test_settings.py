import pytest

from recsys import settings
from recsys.errors import ConfigError


def test_command_line_beats_environment_beats_file_beats_default(tmp_path, monkeypatch):
    file = tmp_path / "shop.toml"
    file.write_text("seed = 1\n[task]\ntarget = 'new'\n[split]\nencoder_end = 0.6\nranker_end = 0.7\n")
    monkeypatch.setenv("RECSYS_SEED", "2")
    monkeypatch.setenv("RECSYS_SPLIT__RANKER_END", "0.75")
    chosen = settings.load(file, ["seed=3"])
    assert (chosen.seed, chosen.split.ranker_end, chosen.split.encoder_end) == (3, 0.75, 0.6)
    assert (chosen.task.target, chosen.split.instants) == ("new", settings.Settings().split.instants)


def test_bare_words_are_strings_and_toml_values_keep_their_type():
    chosen = settings.load(None, ["task.target=new", "split.encoder_end=0.5", "evaluation.lengths=[10, 20, 50]"])
    assert chosen.task.target == "new"
    assert chosen.split.encoder_end == 0.5
    assert chosen.evaluation.lengths == (10, 20, 50)


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("task.traget=new", "Unknown setting task.traget; did you mean task.target?"),
        ("tsak.target=new", "Unknown setting tsak; did you mean task.target?"),
        ("task.target=old", "Setting task.target: Input should be 'all' or 'new', got 'old'."),
        ("seed=-1", "Setting seed: Input should be greater than or equal to 0, got -1."),
        ("seed", "Expected section.key=value, got 'seed'."),
        ("=3", "Expected section.key=value, got '=3'."),
    ],
)
def test_bad_assignments_are_told_in_a_sentence(assignment, sentence):
    with pytest.raises(ConfigError) as raised:
        settings.load(None, [assignment])
    assert str(raised.value) == sentence
    assert raised.value.exit_code == 2


def test_a_settings_file_that_is_missing_or_no_toml_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"Cannot read the settings file .*none.toml: No such file"):
        settings.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("seed = = 3")
    with pytest.raises(ConfigError, match=r"bad.toml is not TOML: "):
        settings.load(tmp_path / "bad.toml")


def test_every_setting_has_a_sentence():
    def fields(model):
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                yield from fields(inner)
            else:
                yield f"{model.__name__}.{name}", field.description

    without = [name for name, description in fields(settings.Settings) if not (description or "").strip().endswith(".")]
    assert without == []


def test_settings_survive_json():
    chosen = settings.load(None, ["seed=5"])
    assert settings.validate(chosen.model_dump(mode="json")) == chosen


def test_settings_change_by_assignments():
    first = settings.load(None, ["distill.layers=2", "seed=5"])
    second = settings.changed(first, ["distill.layers=1", "encoder.base=here"])
    assert (second.distill.layers, second.encoder.base, second.seed) == (1, "here", 5)
    assert first.distill.layers == 2
    with pytest.raises(ConfigError, match=r"Unknown setting distill\.layer; did you mean distill\.layers\?"):
        settings.changed(first, ["distill.layer=1"])
