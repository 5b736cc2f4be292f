"""One table from one file, or a sentence that names the file."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from recsys.data.storage import UNREADABLE, first_line
from recsys.errors import SchemaError


def read_table(reader: Callable[[Path], pl.DataFrame], path: Path) -> pl.DataFrame:
    """What `reader` makes of the file.

    Raises:
        SchemaError: it is missing, empty, or not what `reader` reads.
    """
    try:
        return reader(path)
    except pl.exceptions.NoDataError as error:
        raise SchemaError(f"Expected rows in {path}, found an empty file; write the table again.") from error
    except (*UNREADABLE, UnicodeDecodeError) as error:
        raise SchemaError(
            f"{path} cannot be read as {path.suffix[1:]}: {first_line(error)}; write the file again, text as UTF-8, or "
            "tell its encoding in data.mapping.encoding."
        ) from error
