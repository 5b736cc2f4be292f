"""What is known of one request."""

from serving.visit import Visit


def test_stages_follow_each_other_from_the_start() -> None:
    visit = Visit(request_id="r", method="POST", began=1, ended=2_000_000_001, started=10)
    visit.laps = [("state", 12), ("retrieve", 20)]
    assert visit.stages == [("state", 10, 12), ("retrieve", 12, 20)]
    assert visit.seconds == 2.0


def test_a_lap_is_now() -> None:
    visit = Visit(request_id="r", method="GET")
    visit.lap("one")
    visit.lap("two")
    (_, one), (_, two) = visit.laps
    assert visit.began <= one <= two
    assert Visit(request_id="r", method="GET").stages == []
