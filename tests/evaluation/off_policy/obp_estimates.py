"""obp's estimates on the sample of the Open Bandit Dataset that it carries: `python obp_estimates.py FOLDER`.

Runs where obp 0.4.1 is installed, and imports nothing of this project. obp imports torch, seaborn and matplotlib; what
is used of it here does not, so empty modules stand in for them. Into FOLDER go an npz for each log and judged policy,
the inputs as obp was given them, and estimates.json.
"""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

LOGS = ("random", "bts")
POLICIES = ("soft", "sure")
MOST_WEIGHT, STRENGTH = 10.0, 100.0

ABSENT = ("torch", "torch.nn", "torch.optim", "torch.utils", "torch.utils.data", "seaborn", "matplotlib.pyplot")


def main(folder: Path) -> None:
    for name in ("matplotlib", *ABSENT):
        stand_in(name)
    estimates = {}
    for log in LOGS:
        feedback = sample(log)
        for policy in POLICIES:
            inputs = judged(feedback, sure=policy == "sure")
            np.savez(folder / f"{log}-{policy}.npz", **inputs)
            estimates[f"{log}-{policy}"] = of_rounds(feedback, inputs) | of_lists(inputs)
    (folder / "estimates.json").write_text(json.dumps(estimates))


def stand_in(name: str) -> None:
    """An empty module of a name, whose every attribute is an empty class."""

    def attribute(wanted: str) -> type:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        return type(wanted, (), {})

    module = ModuleType(name)
    module.__getattr__ = attribute  # type: ignore[method-assign]
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def sample(log: str) -> dict[str, Any]:
    """Rounds that a policy logged, without contexts: they fail on today's pandas, and no estimator reads any."""
    from obp.dataset import OpenBanditDataset

    class Sample(OpenBanditDataset):
        def pre_process(self) -> None:
            self.context, self.action_context = np.zeros((self.n_rounds, 1)), np.zeros((self.n_actions, 1))

    return Sample(behavior_policy=log, campaign="all").obtain_batch_bandit_feedback()


def judged(feedback: dict[str, Any], *, sure: bool) -> dict[str, np.ndarray]:
    """What obp reads: rounds (n,); a policy other than the log's, and a model, a wrong one: (n, items, places)."""
    rng = np.random.default_rng(5)
    n, actions, places = feedback["n_rounds"], feedback["n_actions"], int(feedback["position"].max()) + 1
    taste = rng.standard_normal((1, actions, places)) + 0.5 * rng.standard_normal((n, actions, 1))
    chance = np.exp(taste) / np.exp(taste).sum(axis=1, keepdims=True)
    if sure:
        chance = (taste == taste.max(axis=1, keepdims=True)).astype(np.float64)
    return {
        **{name: np.asarray(feedback[name]) for name in ("action", "position", "reward", "pscore")},
        "action_dist": chance,
        "predicted": rng.beta(1, 150, (n, actions, places)),
    }


def of_rounds(feedback: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Estimates of what a round earns."""
    from obp import ope

    asked = ope.OffPolicyEvaluation(
        bandit_feedback=feedback,
        ope_estimators=[
            ope.InverseProbabilityWeighting(),
            ope.SelfNormalizedInverseProbabilityWeighting(),
            ope.DirectMethod(),
            ope.DoublyRobust(),
            ope.SwitchDoublyRobust(tau=MOST_WEIGHT),
            ope.DoublyRobustWithShrinkage(lambda_=STRENGTH),
        ],
    )
    found = asked.estimate_policy_values(
        action_dist=inputs["action_dist"], estimated_rewards_by_reg_model=inputs["predicted"]
    )
    return {name: float(value) for name, value in found.items()}


def of_lists(inputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Estimates of what a list earns: the i-th round of each place is taken for place p of list i."""
    from obp import ope

    rows, n, places = lists_of(inputs["position"])
    item, place = inputs["action"][rows], inputs["position"][rows]
    logged, target = inputs["pscore"][rows], inputs["action_dist"][rows, item, place]
    above = [np.cumprod(each.reshape(n, places), axis=1) for each in (logged, target)]
    whole = [np.repeat(each[:, -1], places) for each in above]
    told = {"slate_id": np.repeat(np.arange(n), places), "reward": inputs["reward"][rows], "position": place}
    return {
        "sips": ope.SlateStandardIPS(len_list=places).estimate_policy_value(
            **told, pscore=whole[0], evaluation_policy_pscore=whole[1]
        ),
        "iips": ope.SlateIndependentIPS(len_list=places).estimate_policy_value(
            **told, pscore_item_position=logged, evaluation_policy_pscore_item_position=target
        ),
        "rips": ope.SlateRewardInteractionIPS(len_list=places).estimate_policy_value(
            **told, pscore_cascade=above[0].ravel(), evaluation_policy_pscore_cascade=above[1].ravel()
        ),
    }


def lists_of(position: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Rounds, list by list and place by place; how many lists, and how many places each has."""
    by_place = [np.flatnonzero(position == place) for place in range(int(position.max()) + 1)]
    n = min(map(len, by_place))
    return np.stack([rounds[:n] for rounds in by_place], axis=1).ravel(), n, len(by_place)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
