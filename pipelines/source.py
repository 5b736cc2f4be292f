"""Where a run's log comes from, and what identifies its content."""

from pathlib import Path

from recsys.artifacts import digest_of, sha256
from recsys.data.sources import available
from recsys.errors import UsageError

INPUTS = ("*.parquet", "*.csv", "*.jsonl", "*.inter", "*.item", "filtered.json")


def locate(data: str) -> tuple[str, str]:
    """(name or absolute path, digest of the content) of a known source or an input directory.

    Raises:
        UsageError: neither.
    """
    for source in available():
        if source.name == data:
            return data, source.wheel.sha256
    directory = Path(data)
    if not directory.is_dir():
        names = ", ".join(source.name for source in available())
        raise UsageError(f"Expected --data as a directory or one of {names}, got {data!r}; check the path.")
    files = sorted({path for pattern in INPUTS for path in directory.glob(pattern)})
    return str(directory.resolve()), digest_of({path.name: sha256(path) for path in files})
