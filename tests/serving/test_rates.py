from serving.keys import MAX_KEYS, Key
from serving.rates import Rates


def key(name: str = "shop", **fields: object) -> Key:
    return Key.model_validate({"name": name, "sha256": "0" * 64, "role": "read"} | fields)


def test_a_burst_then_the_rate() -> None:
    now = [100.0]
    rates, shop = Rates(ticks=lambda: now[0]), key(rate=2, burst=3)
    assert [rates.wait(shop) for _ in range(5)] == [0, 0, 0, 0.5, 0.5], "a refused request takes no token"
    now[0] += 0.25
    assert rates.wait(shop) == 0.25
    now[0] += 0.25
    assert [rates.wait(shop), rates.wait(shop)] == [0, 0.5]
    now[0] += 3600
    assert [rates.wait(shop) for _ in range(4)] == [0, 0, 0, 0.5], "the bucket holds no more than a burst"


def test_each_key_has_its_own() -> None:
    rates, a, b = Rates(ticks=lambda: 0.0), key("a", rate=1), key("b", rate=1)
    assert [rates.wait(a), rates.wait(b), rates.wait(a), rates.wait(b)] == [0, 0, 1, 1]


def test_by_default_a_second_of_requests_may_come_at_once() -> None:
    for rate, at_once in ((2.5, 3), (0.1, 1)):
        rates, shop = Rates(ticks=lambda: 0.0), key(rate=rate)
        assert [rates.wait(shop) for _ in range(at_once + 1)] == [0] * at_once + [1 / rate]


def test_without_a_rate_nothing_is_kept() -> None:
    rates = Rates(ticks=lambda: 0.0)
    assert {rates.wait(key()) for _ in range(1000)} == {0.0}
    assert rates._buckets == {}


def test_buckets_of_keys_that_are_gone_are_dropped_the_longest_unused_first() -> None:
    rates = Rates(ticks=lambda: 0.0)
    used = key("used", rate=1)
    rates.wait(used)
    for n in range(5 * MAX_KEYS):
        rates.wait(key(f"k{n}", rate=1))
        assert rates.wait(used) == 1.0
    assert len(rates._buckets) == MAX_KEYS
