"""The terminal's table."""

import numpy as np

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.experiment.table import table
from tests.evaluation.experiment.small_experiment import LATER, drawn


def read(**config: object) -> Readout:
    made = drawn(np.random.default_rng(0), 900, arms=("holdout", "b", "c"))
    found = Readout.of(made.log(), OffPolicyConfig(**config), as_of=LATER)
    assert isinstance(found, Readout)
    return found


def test_every_part_is_there_in_order():
    readout = read()
    text = table(readout)
    heads = [
        "900 users in 3 arms from ",
        "No shares given",
        "\narm      users  answers",
        "\n\nReward beside holdout,",
        readout.contrasts[0].sentence,
        readout.contrasts[1].sentence,
        "so no past can take noise away",
        "\n\nGuardrails beside holdout",
        "\n\nLooking at any time, by what users earn in their first 24 hours\nb: ",
        readout.paths[1].sentence,
    ]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert "Refused" not in text
    assert "Answers left out" not in text
    assert max(map(len, text.splitlines())) < 200


def test_what_is_refused_is_said_and_nothing_is_compared():
    text = table(read(shares={"holdout": 0.1, "b": 0.5, "c": 0.4}))
    assert "Refused (sample-ratio): Arm 'holdout' has " in text
    assert "\narm      users" in text
    assert "Guardrails" not in text
    assert "Reward beside" not in text
