"""Our estimators against obp's, which others publish with, on the log that it carries.

`python -m pytest -m prove -rP tests/evaluation/off_policy/test_obp.py` prints the figures. Needs the package index: obp
goes into a virtual environment of its own, and nothing of it into this project.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys.evaluation.off_policy.estimators.direct import direct
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.independent import independent
from recsys.evaluation.off_policy.estimators.ips import ips
from recsys.evaluation.off_policy.estimators.reward_interaction import reward_interaction
from recsys.evaluation.off_policy.estimators.shrunk import shrunk
from recsys.evaluation.off_policy.estimators.slates import Fitted, Marginals, Slates
from recsys.evaluation.off_policy.estimators.snips import snips
from recsys.evaluation.off_policy.estimators.switch import switch
from tests.evaluation.off_policy.obp_estimates import LOGS, MOST_WEIGHT, POLICIES, STRENGTH, lists_of

OBP = "obp==0.4.1 --hash=sha256:87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208\n"
"""The last one that has a wheel for any Python; later ones want Python < 3.10 and torch < 2."""

NEEDS = ("pandas", "scikit-learn", "tqdm", "PyYAML", "mypy_extensions")
SCRIPT = Path(__file__).with_name("obp_estimates.py")
CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
AGREES = 1e-9

ROUNDS = {
    "ipw": ips,
    "snipw": snips,
    "dm": direct,
    "dr": doubly_robust,
    "switch-dr": lambda slates: switch(slates, most=MOST_WEIGHT),
    "dr-os": lambda slates: shrunk(slates, strength=STRENGTH),
}
LISTS = {"sips": ips, "iips": independent, "rips": reward_interaction}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What obp was given, and what it said."""
    folder = tmp_path_factory.mktemp("obp")
    python, listed = folder / "venv" / "bin" / "python", folder / "obp.txt"
    listed.write_text(OBP)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", CONSTRAINTS, *NEEDS], check=True)
    subprocess.run([*install, "--no-deps", "--requirement", listed], check=True)
    subprocess.run([python, "-W", "ignore", SCRIPT, folder], check=True)
    return folder


@pytest.mark.prove
@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("policy", POLICIES)
def test_obp_says_the_same(told: Path, log: str, policy: str) -> None:
    theirs = json.loads((told / "estimates.json").read_text())[f"{log}-{policy}"]
    with np.load(told / f"{log}-{policy}.npz") as file:
        inputs = dict(file)
    slates, lists = rounds(inputs), as_lists(inputs)
    ours = {name: estimator(slates).estimate for name, estimator in ROUNDS.items()}
    ours |= {name: estimator(lists).estimate for name, estimator in LISTS.items()}
    assert set(theirs) == set(ours)
    if policy == "soft":  # a weight for every round, so that nothing agrees by being 0
        assert all(value > 0 for value in ours.values())
        assert ours["switch-dr"] != ours["dr"] != ours["dr-os"]
    off = {name: abs(ours[name] - theirs[name]) / abs(theirs[name]) if theirs[name] else ours[name] for name in ours}
    print(f"{log}, {policy}: {len(slates):,} rounds, {len(lists):,} lists, largest weight {slates.weights().max():.3g}")
    print("  " + ", ".join(f"{name} {ours[name]:.6g} (off by {off[name]:.1g})" for name in ours))
    assert max(off.values()) <= AGREES


def rounds(inputs: dict[str, np.ndarray]) -> Slates:
    """Every round a list of one place."""
    n = len(inputs["action"])
    at = (np.arange(n), inputs["action"], inputs["position"])
    chance, predicted = inputs["action_dist"], inputs["predicted"]
    here = [each[np.arange(n), :, inputs["position"]] for each in (chance, predicted)]
    value = np.einsum("na,na->n", *here)
    return Slates(
        user_idx=np.arange(n, dtype=np.int32),
        indptr=np.arange(n + 1),
        reward=inputs["reward"].astype(np.float64),
        logged=inputs["pscore"],
        target=chance[at],
        model=Fitted(predicted=predicted[at], value=value),
    )


def as_lists(inputs: dict[str, np.ndarray]) -> Slates:
    """The i-th round of each place is place p of list i."""
    rows, n, places = lists_of(inputs["position"])
    logged = inputs["pscore"][rows]
    target = inputs["action_dist"][rows, inputs["action"][rows], inputs["position"][rows]]
    return Slates(
        user_idx=np.arange(n, dtype=np.int32),
        indptr=np.arange(0, n * places + 1, places),
        reward=inputs["reward"][rows].astype(np.float64),
        logged=logged,
        target=target,
        marginal=Marginals(logged=logged, target=target),
    )
