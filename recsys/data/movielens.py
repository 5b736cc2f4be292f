"""GroupLens' MovieLens in its own files: movies.csv and ratings.csv, or the .dat files of the 1M and 10M sets."""

from pathlib import Path

import polars as pl

from recsys.data.raw_log import RawLog
from recsys.data.tables import read_table

_MOVIES = ("movieId", "title", "genres")
_RATINGS = ("userId", "movieId", "rating", "timestamp")


def found(path: Path) -> bool:
    """Whether the directory holds such files."""
    return any((path / f"ratings{ending}").is_file() for ending in (".csv", ".dat"))


def read(path: Path) -> RawLog:
    """A `rating` for each rating, a tag for each genre; errors as of `read_table`.

    Words that users gave to films are not read: they know the future of most events.
    """
    if (path / "ratings.csv").is_file():
        movies, ratings = read_table(_csv, path / "movies.csv"), read_table(_csv, path / "ratings.csv")
    else:
        movies = read_table(lambda file: _dat(file, _MOVIES), path / "movies.dat")
        ratings = read_table(lambda file: _dat(file, _RATINGS), path / "ratings.dat")
    genres = pl.col("genres").replace("(no genres listed)", None).str.split("|")
    return RawLog(
        items=movies.select("title", item_id="movieId", tags=genres),
        events=ratings.select("timestamp", user_id="userId", item_id="movieId", event=pl.lit("rating"), value="rating"),
    )


def _csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def _dat(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """Lines of fields between double colons, in Latin-1 as GroupLens writes them."""
    lines = pl.Series("line", path.read_text(encoding="latin-1").splitlines(), dtype=pl.String)
    fields = lines.str.split_exact("::", len(columns) - 1).struct.unnest()
    return fields.rename(dict(zip(fields.columns, columns, strict=True)))
