"""What a soak says of looks that are made up."""

from collections import Counter
from dataclasses import replace

import pytest

from recsys.bundle import CURRENT, Bundle
from tests.bench.load import questions
from tests.bench.load.soak import LEAST, Look, verdict

GOOD = Counter({200: 990, 503: 10})


def look(minute: int) -> Look:
    """Of a server that holds the same each minute, and writes the same for each request."""
    return Look(
        minutes=minute,
        asked=600 * minute,
        events=40 * minute,
        resident=700.0,
        handles=42,
        waiting=0.0,
        log=0.5 * minute,
        files=8 * minute,
        rows=60_000 * minute,
        lines=0.1 * minute,
        state=0.07 + 0.01 * minute,
    )


LOOKS = [look(minute) for minute in range(31)]


def test_what_stays_as_it_is_is_flat(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(LOOKS, GOOD)
    told = capsys.readouterr().out
    assert "18000 requests: 200: 990, 503: 10\n" in told
    assert "the state grew by 0.20 MiB with 800 events, 0.26 KiB each\nflat\n" in told
    assert "GROWN" not in told


@pytest.mark.parametrize("name", ["resident", "handles", "waiting", "log", "files", "lines"])
def test_what_grows_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    # held or written: a tenth more each ten minutes, and at least more than chance adds
    grown = [
        replace(each, **{name: getattr(each, name) * (1 + each.minutes / 60) + each.minutes / 5}) for each in LOOKS
    ]
    assert not verdict(grown, GOOD)
    told = capsys.readouterr().out
    assert told.count("GROWN by more than 5%\n") == 1
    assert told.endswith("NOT FLAT\n")


def test_what_grew_before_the_second_third_is_warming_up() -> None:
    assert verdict([replace(each, resident=min(700.0, 300 + 60 * each.minutes)) for each in LOOKS], GOOD)


@pytest.mark.parametrize("status", [500, 404, 0, -1])
def test_an_answer_that_failed_is_not_well(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert not verdict(LOOKS, GOOD + Counter({status: 1}))
    assert "NOT WELL: something was not answered, or failed\n" in capsys.readouterr().out


def test_of_few_looks_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert not verdict(LOOKS[:LEAST], GOOD)
    assert "ended after 8 looks: of fewer than 9 nothing can be said\n" in capsys.readouterr().out


def test_a_minute_holds_some_of_everything(bundle_root) -> None:
    bundle = Bundle.load(bundle_root / CURRENT)
    first, second = (questions.mixed(bundle, 600, minute=minute) for minute in (0, 1))
    asked = Counter(tuple(each.split(b" ", 2)[:2]) for each in first)
    assert asked[b"POST", b"/v1/events"] == 40
    assert {path for method, path in asked if method == b"PUT"} == {b"/v1/items/soak-%d" % n for n in range(10)}
    assert asked[b"POST", b"/v1/rank"] + asked[b"POST", b"/v1/recommend"] == 600 - 40 - 10 - 1
    assert first[-1].startswith(b"DELETE /v1/users/")
    minutes = [questions.mixed(bundle, 600, minute=minute) for minute in range(10)]
    changes = [each.split(b" ", 2)[:2] for minute in minutes for each in minute if b" /v1/items/" in each[:20]]
    assert len({path for _, path in changes}) == questions.CHANGED
    assert [method for method, _ in changes] == [b"PUT"] * 50 + [b"DELETE"] * 50
    assert not {each for each in first if b"/v1/events" in each} & {each for each in second if b"/v1/events" in each}
