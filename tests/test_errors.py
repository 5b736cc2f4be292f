"""Exit codes: 1 failed, 2 usage, 3 a gate said no."""

import inspect

import pytest

from recsys import errors
from recsys.errors import ConfigError, GateError, QualityError, RecsysError, SchemaError, UsageError

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, RecsysError)]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_has_its_exit_code(error: type[RecsysError]) -> None:
    expected = {UsageError: 2, ConfigError: 2, GateError: 3}.get(error, 1)
    assert error.exit_code == expected
    assert (error.__doc__ or "").endswith(".") or "exit code" in (error.__doc__ or "")


def test_bad_quality_is_bad_input() -> None:
    assert issubclass(QualityError, SchemaError)
    assert len(CLASSES) >= 10
