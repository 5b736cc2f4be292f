"""A line as `record` writes it has the columns that are read: see `test_record`."""

from serving.line import LINE


def test_a_line_says_when_and_either_what_was_answered_or_what_was_posted() -> None:
    assert next(iter(LINE)) == "at"
    assert "events" in LINE
    assert {"request_id", "item_id", "propensity"} <= set(LINE)
