"""The README's way from a shop's own table to lists, service, console and verdict; its transcript is true."""

import json
import os
import shutil

import polars as pl
import pytest

from tests.newcomers_hour import TRANSCRIPT, Step, hour, written
from tests.serving.console.browsing import CHROMIUM

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def steps(folder) -> list[Step]:
    for needed in (CHROMIUM, "curl"):
        if shutil.which(needed) is None:
            missing = f"there is no {needed} here; .ci/run installs one, `apt-get install {needed}` does"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return hour(folder)


def step(steps: list[Step], part: str) -> Step:
    return next(each for each in steps if part in each.command)


def test_every_step_ends_as_it_should(steps: list[Step]) -> None:
    odd = {each.command.split("   ")[0]: each.code for each in steps if each.code}
    serve, refused = (each.command.split("   ")[0] for each in (step(steps, "recsys serve"), step(steps, "recsys ab")))
    assert odd == {serve: 130, refused: 3}


def test_the_transcript_has_these_commands_and_what_is_always_printed(steps: list[Step]) -> None:
    kept = TRANSCRIPT.read_text()
    commands = [line for line in kept.splitlines() if line.startswith("$ ")]
    *asked, last = [f"$ {each.command}" for each in steps]
    assert commands[:-1] == asked
    assert commands[-1].rpartition("=")[0] == last.rpartition("=")[0]  # until when is another day's
    always = [step(steps, part) for part in ("recsys init", "sed -n", "recsys data check", "ls lists")]
    for each in always:
        assert written([each]).split("\n\n", 1)[1].strip() in kept


def test_what_was_asked_for_is_there(steps: list[Step], folder) -> None:
    lists = pl.read_parquet(folder / "lists" / "*.parquet")
    assert lists["user_id"].n_unique() == 210
    assert len(json.loads(step(steps, "/v1/recommend").printed)["items"]) == 3
    assert json.loads(step(steps, "--data-urlencode").printed)["items"][0]["item_id"] == "new-1"
    assert "14 events and a list of 20 items for u00003." in step(steps, "(a browser)").printed
    assert any("\u4e00" <= sign <= "\u9fff" for sign in step(steps, "(a browser)").printed)


def test_the_log_is_judged_and_says_why_not_before_that(steps: list[Step]) -> None:
    refused, judged = (each for each in steps if each.command.startswith("recsys ab"))
    assert "they may still earn" in refused.printed
    assert "now" in judged.printed
    assert (judged.code, "doubly robust" in judged.printed) == (0, True)
