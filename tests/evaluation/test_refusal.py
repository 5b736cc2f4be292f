"""A refusal reads as two sentences."""

from recsys.evaluation.refusal import Refusal


def test_a_refusal_says_why_and_what_to_do():
    refusal = Refusal(name="no-users", because="There are 0 users.", cure="Bring some.")
    assert str(refusal) == "There are 0 users. Bring some."
