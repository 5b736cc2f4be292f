"""GroupLens' own files as the plain form."""

from pathlib import Path

import pytest

from recsys.data.formats import read_directory
from recsys.errors import SchemaError

ITEMS = [
    {"title": "Misérables, Les (1995)", "item_id": "1", "tags": ["Drama", "Musical"]},
    {"title": "Heat", "item_id": "2", "tags": None},
]
EVENTS = [{"timestamp": "978300760", "user_id": "9", "item_id": "1", "event": "rating", "value": "4.5"}]


def test_csv(tmp_path: Path) -> None:
    movies = 'movieId,title,genres\n1,"Misérables, Les (1995)",Drama|Musical\n2,Heat,(no genres listed)\n'
    (tmp_path / "movies.csv").write_text(movies)
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n9,1,4.5,978300760\n")
    raw = read_directory(tmp_path)
    assert raw.items.rows(named=True) == ITEMS
    assert raw.events.rows(named=True) == EVENTS


def test_dat(tmp_path: Path) -> None:
    movies = "1::Misérables, Les (1995)::Drama|Musical\n2::Heat::(no genres listed)\n"
    (tmp_path / "movies.dat").write_text(movies, encoding="latin-1")
    (tmp_path / "ratings.dat").write_text("9::1::4.5::978300760\n")
    raw = read_directory(tmp_path)
    assert raw.items.rows(named=True) == ITEMS
    assert raw.events.rows(named=True) == EVENTS


def test_ratings_without_films_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n9,1,4.5,978300760\n")
    with pytest.raises(SchemaError, match=r"movies\.csv cannot be read as csv: No such file"):
        read_directory(tmp_path)
