"""Kinds of fields that requests are made of."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, FiniteFloat, Strict, StrictInt

from recsys.schema import EVENT_CODES, EVENTS

ID_BYTES = 256
"""Longest id, in UTF-8 bytes."""

MAX_ITEMS = 1000
"""Most items in one list of a request or an answer."""


def _short(value: str) -> str:
    size = len(value.encode())
    if not 1 <= size <= ID_BYTES:
        raise ValueError(f"expected 1 to {ID_BYTES} bytes of UTF-8, got {size}")
    return value


def whole(value: object) -> object:
    """JSON has one kind of numbers: 20.0 is 20."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("expected a string such as 2026-01-31T12:00:00Z")
    return value


def _role(value: str) -> str:
    if value not in EVENT_CODES:
        raise ValueError(f"expected one of {', '.join(EVENTS)}, got {value[:40]!r}")
    return value


Number = Annotated[FiniteFloat, Strict()]  # neither true nor "5"
Whole = Annotated[StrictInt, BeforeValidator(whole)]
Id = Annotated[str, AfterValidator(_short), Field(json_schema_extra={"minLength": 1, "maxLength": ID_BYTES})]
Time = Annotated[AwareDatetime, BeforeValidator(_text)]
Role = Annotated[str, AfterValidator(_role), Field(json_schema_extra={"enum": [*EVENTS]})]
ItemIds = Annotated[tuple[Id, ...], Field(max_length=MAX_ITEMS)]
