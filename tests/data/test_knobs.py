"""Settings from several places: who wins, and what is told of a mistake and where it stands."""

from pathlib import Path

import pytest
from pydantic import Field

from recsys.data.config import Config
from recsys.data.knobs import load, names, parse, validate
from recsys.errors import ConfigError


class Tap(Config):
    litres: float = Field(1.0, gt=0, description="A minute.")
    hot: bool = False


class House(Config):
    kitchen: Tap = Tap()
    bath: Tap = Tap()
    floors: int = 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "house.toml"
    path.write_text("floors = 2\n[bath]\nlitres = 3\nhot = true\n")
    return path


def test_the_command_line_beats_the_environment_the_file_and_the_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_FLOORS", "3")
    monkeypatch.setenv("RECSYS_BATH__LITRES", "4")
    monkeypatch.setenv("RECSYS_CELLAR__LITRES", "4")  # somebody else's
    assert load(House, file, ["floors=4"]) == House(bath=Tap(litres=4, hot=True), floors=4)
    assert load(House, None, ["kitchen.litres=2"]) == House(kitchen=Tap(litres=2), bath=Tap(litres=4), floors=3)


def test_what_is_wrong_in_the_file_is_told_by_its_name(file: Path) -> None:
    file.write_text("[bath]\nliters = 3\n")
    with pytest.raises(ConfigError) as raised:
        load(House, file)
    assert str(raised.value) == f"Unknown setting bath.liters in {file}; did you mean bath.litres?"
    file.write_text("[bath]\nlitres = 0\n")
    with pytest.raises(ConfigError) as raised:
        load(House, file)
    assert str(raised.value) == f"Setting bath.litres in {file}: Input should be greater than 0, got 0."
    file.write_text("bath = 5\n")
    with pytest.raises(ConfigError, match=r"Setting bath in .*house\.toml: Input should be a valid dictionary"):
        load(House, file)


def test_what_is_wrong_elsewhere_is_not_told_of_the_file(file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(House, file, ["bath.litres=0"])
    assert str(raised.value) == "Setting bath.litres: Input should be greater than 0, got 0."
    with pytest.raises(ConfigError) as raised:
        load(House, file, ["bth.litres=1"])
    assert str(raised.value) == "Unknown setting bth; did you mean bath.hot?"


def test_what_the_command_line_mends_is_no_mistake(file: Path) -> None:
    file.write_text("[bath]\nlitres = 0\n")
    assert load(House, file, ["bath.litres=5"]).bath.litres == 5


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the settings file .*none: No such file or directory; check"):
        load(House, tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"bad is not TOML: "):
        load(House, tmp_path / "bad")


def test_a_mapping_is_checked_too() -> None:
    assert validate(House, {"floors": 3}) == House(floors=3)
    with pytest.raises(ConfigError, match=r"^Unknown setting flors; did you mean floors\?$"):
        validate(House, {"flors": 3})


def test_names_are_told_section_by_section() -> None:
    assert list(names(House)) == ["kitchen.litres", "kitchen.hot", "bath.litres", "bath.hot", "floors"]


def test_an_assignment_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^Expected section\.key=value, got 'bath'\.$"):
        parse("bath")
