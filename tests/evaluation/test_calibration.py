"""The report's sections on interest as a probability and on the ranker's."""

from recsys.evaluation.calibration import calibration, chances


def test_errors_chance_counts_and_bins_are_told(evaluation):
    found = evaluation.reliability["student, test window"]
    text = calibration({"student, test window": found, "teacher": found})
    for said in ("0.0625", "[0.0500, 0.0750]", "0.0125", "321", "654", "8,424", "<h3>teacher</h3>", "9,001", "37.5%",
                 "0.3000</span><small>[0.2000, 0.4000]"):  # fmt: skip
        assert said in text, said
    assert text.count("<svg") == 2
    assert text.count("bin by bin") == 1


def test_nothing_judged_no_section():
    assert calibration({}) == ""
    assert chances({}) == ""


def test_a_rankers_probability_is_told_as_one_and_drawn_as_far_as_it_reaches(evaluation):
    found = evaluation.probability["ranker, test window"]
    text = chances({"ranker, test window": found})
    for said in ("probability of", "mean probability", "0.0030", "of a hundred given .03", "0.0500</text>"):
        assert said in text, said
    assert "interest" not in text
