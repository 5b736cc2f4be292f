"""The sizing page says what the costs make, and the formulas are what the page says they are."""

from dataclasses import replace

import pytest

from tests.bench.sizing import (
    COSTS,
    PAGE,
    SHOPS,
    Costs,
    Shop,
    bundle_bytes,
    costs_table,
    figure,
    need,
    process_bytes,
    seconds,
    table,
)

ONES = Costs(**dict.fromkeys(Costs.__dataclass_fields__, 1.0))
SHOP = Shop(name="s", users=3.6e6, items=1000, history=5, events=86_400, answers=2 * 86_400, changed=0.5, tokens=7200)


def test_the_page_holds_the_tables_that_the_costs_make():
    page = PAGE.read_text()
    for made in (costs_table(), table()):
        assert made in page, "run python -m tests.bench.sizing and put its tables into deploy/SIZING.md"


def test_every_cost_is_told_where_it_was_measured():
    told = PAGE.read_text().split("## Where the costs come from")[1].split("##")[0]
    assert [name for name in Costs.__dataclass_fields__ if f"`{name}`" not in told] == []


def test_a_need_is_its_formula():
    found = need(SHOP, ONES)
    assert found.bundles == 4  # 3.6 of a million
    assert found.all_texts == pytest.approx(1000 / 3600)
    assert found.new_texts == pytest.approx(500 / 3600)
    assert found.finetuning == 2
    assert found.index == pytest.approx(4 * 2000 / 3600)  # indexed and likened, in each bundle
    assert found.models == pytest.approx(5000)
    assert found.lists == pytest.approx(1000 * 1001)  # a second, and one for each item
    assert found.serving_cores == pytest.approx(6 * (2 * (1 + 1001) + 1))  # three times the mean, half of the core
    assert found.process_gb == pytest.approx((1 + 1000 + 1e6 * 6) / 1e9)
    assert found.bundle_gb == pytest.approx((1 + 1000 + 1e6 * 6) / 1e9)
    assert found.night == pytest.approx(500 / 3600 + 2 + 8000 / 3600 + 5000 + 1000 * 1001)
    assert found.night_cores == 167_668  # of 1,006,004.4 hours in six


def test_neighbours_by_text_are_of_so_many_items_at_most():
    large = replace(SHOP, users=1, items=1e6)
    assert need(large, ONES).index == pytest.approx((1e6 + 200_000) / 3600)


def test_memory_grows_by_what_each_item_user_and_event_takes():
    costs = replace(ONES, process_bytes=7, item_bytes=10, user_bytes=100, event_bytes=1000)
    assert process_bytes(2, 3, 4, costs) == 7 + 30 + 200 + 8000
    assert bundle_bytes(2, 3, 4, replace(ONES, stored_item_bytes=5)) == 1 + 15 + 2 + 8


def test_each_shop_has_a_column_in_which_more_takes_more():
    assert table().splitlines()[0].count("|") == len(SHOPS) + 2
    small, large, _ = (need(shop) for shop in SHOPS)
    assert small.night < large.night
    assert need(replace(SHOPS[0], users=2e6)).lists == pytest.approx(2 * need(SHOPS[0]).lists)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.000351, "0.00035"), (0.63, "0.63"), (9.96, "10"), (1234, "1,200"), (14.6, "15")]
)
def test_two_digits_are_shown(value, shown):
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0039, "3.9 ms"), (4.6e-5, "46 µs"), (2.1e-8, "21 ns"), (4e-4, "0.4 ms")]
)
def test_seconds_are_told_in_a_unit_that_fits(value, shown):
    assert seconds(value) == shown


def test_costs_are_above_zero():
    assert min(getattr(COSTS, name) for name in Costs.__dataclass_fields__) > 0
