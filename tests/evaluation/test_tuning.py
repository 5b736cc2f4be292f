"""The report's section on the settings that were tried."""

import re

from recsys.evaluation.tuning import tuning


def test_the_given_settings_first_then_the_best(evaluation):
    text = tuning(evaluation.trials)
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>.*?)</tr>", text)]
    assert [row[0] for row in rows[:4]] == ["given", '<span class="ours">4</span>', "9", "3"]
    assert len(rows) == 1 + 10
    assert rows[1][1:4] == ["0.3500", "104", "19"]
    assert "14 settings" in text


def test_nothing_tried_no_section():
    assert tuning(None) == ""
