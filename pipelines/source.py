"""Where a run's log comes from, and what identifies its content."""

from pathlib import Path

from recsys.artifacts import digest_of, sha256
from recsys.data.download import default_cache
from recsys.data.sources import available, base_encoder
from recsys.errors import UsageError

KNOWN_BASE = "all-MiniLM-L6-v2"
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


def base_folder(base: str) -> Path:
    """The folder of a base encoder: fetched if it is the known one, else a folder in transformers' layout.

    Raises:
        UsageError: neither.
        FetchError: it cannot be fetched.
    """
    if base == KNOWN_BASE:
        return base_encoder(default_cache())
    folder = Path(base)
    if not folder.is_dir():
        raise UsageError(f"Expected encoder.base as {KNOWN_BASE} or the folder of a pretrained model, got {base!r}.")
    return folder
