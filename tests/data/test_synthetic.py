"""The world keeps its promises: known tastes, told by words alone, cold items, repeats, no chance."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.data.synthetic import START, WORDS, World, make_world
from recsys.schema import DAY, EVENT_COLUMNS, ITEM_COLUMNS


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def purchases(world: World) -> pl.DataFrame:
    users = pl.DataFrame({"user_id": world.events["user_id"].unique().sort(), "user_taste": world.taste_of_user})
    items = world.items.select("item_id", item_taste=pl.Series(world.taste_of_item))
    bought = world.events.filter(pl.col("event") == "purchase")
    return bought.join(users, on="user_id").join(items, on="item_id")


def test_tables_are_in_the_plain_form(world: World) -> None:
    assert dict(world.items.schema) == ITEM_COLUMNS
    assert all(EVENT_COLUMNS[c] == t for c, t in world.events.schema.items())
    assert world.items["item_id"].is_sorted()
    assert world.events["timestamp"].is_sorted()
    assert set(world.events["event"]) == {"click", "purchase"}


def test_sizes_are_as_asked(world: World) -> None:
    assert (len(world.items), world.events["user_id"].n_unique()) == (48, 60)
    assert 36 <= len(world.events) / 60 <= 48  # 12 to 16 visits of 3 events
    assert np.bincount(world.taste_of_user).tolist() == [15] * 4
    assert np.bincount(world.taste_of_item).tolist() == [12] * 4


def test_the_same_seed_makes_the_same_world_another_seed_another() -> None:
    small = {"n_users": 5, "n_items": 8, "n_tastes": 2}
    first, again, other = make_world(**small, seed=1), make_world(**small, seed=1), make_world(**small, seed=2)
    assert first.items.equals(again.items)
    assert first.events.equals(again.events)
    assert not first.events.equals(other.events)


def test_users_buy_within_their_taste_and_again(world: World) -> None:
    bought = purchases(world)
    assert (bought["user_taste"] == bought["item_taste"]).mean() >= 0.9
    repeats = bought.group_by("user_id", "item_id").len().filter(pl.col("len") > 1)
    assert repeats["user_id"].n_unique() >= 0.9 * 60


def test_words_of_a_taste_belong_to_its_items_alone(world: World) -> None:
    for taste, words in enumerate(list(WORDS.values())[:4]):
        texts = world.items.select(pl.concat_str("title", "description", separator=" ").str.to_lowercase()).to_series()
        carries = np.array([any(word in text.split() for word in words) for text in texts])
        assert (carries == (world.taste_of_item == taste)).all()


def test_a_few_items_arrive_in_the_last_tenth_and_sell(world: World) -> None:
    late = world.items.filter(pl.col("created_at").is_not_null())
    ages = (late["created_at"].dt.epoch("us") - START) / (120 * DAY)
    assert len(late) == 4 * (12 // 6)
    assert ages.is_between(0.9, 0.95).all()
    sold = world.events.join(late, on="item_id")
    assert len(sold) > 20
    assert (sold["timestamp"] >= sold["created_at"]).all()


def test_write_gives_two_parquet_files(world: World, tmp_path: Path) -> None:
    world.write(tmp_path / "new")
    assert pl.read_parquet(tmp_path / "new" / "items.parquet").equals(world.items)
    assert pl.read_parquet(tmp_path / "new" / "events.parquet").equals(world.events)


@pytest.mark.parametrize("sizes", [{"n_tastes": 7}, {"n_tastes": 0}, {"n_tastes": 4, "n_items": 7}])
def test_impossible_worlds_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"Expected 1 to 6 tastes and 2 items for each, got"):
        make_world(**sizes)
