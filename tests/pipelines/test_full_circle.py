"""Full circle: two bundles are served as arms, a crowd asks and clicks over HTTP, the log tells which one earns more.

What each bundle earns is known: the crowd asks it alone, too, and the expected clicks of its lists are counted.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recsys.recommender import Recommender
from tests.conftest import Shop
from tests.pipelines import crowd

pytestmark = pytest.mark.slow

ARMS = ("plain", "red")
WINDOW = timedelta(seconds=1)
UNBIASED = {"ips", "snips", "doubly_robust", "reward_interaction", "cascade"}
"""Estimators whose intervals must hold the truth: others trade a bias for less variance, or trust a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """What a shop has after the experiment.

    Attributes:
        log: its folder.
        bundles: arm → directory.
        true: arm → expected clicks of a list of its bundle, by as many lists as there were visits.
        since, until: the first and the last answer of the experiment.
        clicks: on all its lists.
    """

    log: Path
    bundles: dict[str, Path]
    true: dict[str, float]
    since: datetime
    until: datetime
    clicks: int


def experiment(name: str, digests: dict[str, str], *, seed: int, plain: float) -> dict:
    """The bundles as arms, one with this share of the users."""
    luce = {"kind": "plackett_luce", "temperature": 0.5}
    shares = {"plain": plain, "red": 1 - plain}
    arms = [{"name": arm, "share": shares[arm], "bundle": digests[arm], "policy": luce} for arm in ARMS]
    return {"name": name, "seed": seed, "arms": arms}


@pytest.fixture(scope="module", params=[17, pytest.param(84, marks=pytest.mark.prove)])
def circle(
    request: pytest.FixtureRequest,
    shop: Shop,
    recommender: Recommender,
    toy_encoder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Circle:
    """Of 1,020 users, or 5,040, who ask twice."""
    folder = tmp_path_factory.mktemp("circle")
    digests = crowd.bundles(shop, recommender, toy_encoder, folder / "bundles", copies=request.param)
    attract, visits = crowd.attraction(shop), crowd.visits(request.param)
    true = {}
    with crowd.served(folder / "bundles", folder) as client:
        for seed, arm in enumerate(ARMS):
            alone = experiment(f"only-{arm}", digests, seed=seed, plain=float(arm == "plain"))
            true[arm] = float(crowd.worth(crowd.ask(client, visits, shop, alone), attract).mean())
        seen = crowd.ask(client, visits, shop, experiment("both", digests, seed=3, plain=0.5))
        clicks = crowd.click(client, seen, attract, seed=0)
        time.sleep(WINDOW.total_seconds())
    since, until = (datetime.fromisoformat(each.answer["as_of"]) for each in (seen[0], seen[-1]))
    bundles = {arm: folder / "bundles" / digest for arm, digest in digests.items()}
    return Circle(log=folder / "log", bundles=bundles, true=true, since=since, until=until, clicks=clicks)


@pytest.fixture(scope="module")
def told(circle: Circle, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the command says of the experiment, with intervals of 99.9 %."""
    settings = {
        "since": circle.since.isoformat(),
        "until": (circle.until + timedelta(microseconds=1)).isoformat(),
        "as_of": (circle.until + WINDOW).isoformat(),
        "window_hours": WINDOW / timedelta(hours=1),
        "samples": 2000,
        "level": 0.999,
    }
    policies = [word for arm in ARMS for word in ("--policy", f"{arm}={circle.bundles[arm]}")]
    chosen = [word for name, value in settings.items() for word in ("--set", f"off_policy.{name}={value}")]
    where = ["--log", str(circle.log), "--out", str(tmp_path_factory.mktemp("ab")), "--base", "plain", "--json"]
    words = [sys.executable, "-m", "pipelines", "ab", *where, *policies, *chosen]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_click_is_counted_for_its_answer(circle: Circle, told: dict) -> None:
    card = told["card"]
    assert (card["events"]["used"], sum(card["events"].values())) == (circle.clicks, circle.clicks)
    assert card["answers"] == 2 * card["users"]
    assert (card["unknown"], sum(card["left_out"].values())) == (0, 0)
    assert set(card["arms"]) == set(ARMS)
    assert told["logged"]["mean"] == pytest.approx(circle.clicks / card["answers"])


@pytest.mark.parametrize("arm", ARMS)
def test_what_a_bundle_earns_lies_in_the_intervals(circle: Circle, told: dict, arm: str) -> None:
    estimates = told["policies"][arm]["estimates"]
    assert set(estimates) >= UNBIASED
    for name in UNBIASED:
        found = estimates[name]
        assert found["low"] < circle.true[arm] < found["high"], name
        assert found["high"] - found["low"] < 0.5 * circle.true[arm]


@pytest.mark.parametrize("arm", ARMS)
def test_what_its_own_arm_earned_agrees(circle: Circle, told: dict, arm: str) -> None:
    found = told["segments"][f"arm {arm}"]
    assert found["low"] < circle.true[arm] < found["high"]


def test_the_better_bundle_wins(circle: Circle, told: dict) -> None:
    assert circle.true["red"] > 1.15 * circle.true["plain"]
    against = told["policies"]["red"]["against"]
    assert against["verdict"]["direction"] == "better"
    true = circle.true["red"] - circle.true["plain"]
    assert 0 < against["difference"]["low"] < true < against["difference"]["high"]
    assert told["policies"]["plain"]["against"] is None
