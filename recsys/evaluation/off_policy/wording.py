"""Counts, shares and instants in sentences."""

from recsys.schema import Instant, moment


def of(part: int, whole: int, what: str) -> str:
    """A part of a whole.

    >>> of(3, 1200, "answers"), of(1, 1, "answers")
    ('3 of 1,200 answers (0.25 %)', '1 of 1 answers (100 %)')
    """
    return f"{part:,} of {whole:,} {what} ({percent(part / whole)})"


def percent(share: float) -> str:
    """A share in per cent, three digits.

    >>> percent(0.01234), percent(1.0), percent(0.5), percent(1e-9)
    ('1.23 %', '100 %', '50 %', '1e-07 %')
    """
    return f"{share * 100:.3g} %"


def time(instant: Instant) -> str:
    """An instant as `OffPolicyConfig` reads it, exact to the microsecond; as a number where no calendar has it.

    >>> time(1_790_000_000_000_000), time(1)
    ('2026-09-21T14:13:20Z', '1970-01-01T00:00:00.000001Z')
    """
    try:
        return moment(int(instant)).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        return f"{instant} µs"
