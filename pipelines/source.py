"""Where a run's log comes from, and what identifies its content."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.console import err
from recsys.artifacts import digest_of, sha256
from recsys.data.download import default_cache
from recsys.data.sources import available, base_encoder
from recsys.errors import UsageError
from recsys.settings import Settings
from recsys.text.bases.config import EncoderConfig
from recsys.text.masked.config import PretrainConfig

KNOWN_BASE = "all-MiniLM-L6-v2"
SCRATCH = "scratch"
TABLES = ("*.parquet", "answers/*.parquet", "events/*.parquet")
INPUTS = (*TABLES, "*.csv", "*.jsonl", "*.inter", "*.item", "filtered.json")


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
    return str(directory.resolve()), digest_of({path.relative_to(directory).as_posix(): sha256(path) for path in files})


def base_folder(base: str, *, revision: str = "main") -> Path:
    """The folder of a pretrained encoder: the known one, a folder in transformers' layout, or a model on the hub.

    Args:
        base: `encoder.base`.
        revision: of a model on the hub.

    Raises:
        UsageError: none of these.
        FetchError: it cannot be fetched.
    """
    from recsys.text.bases import hub

    if base == KNOWN_BASE:
        return base_encoder(default_cache())
    folder = Path(base)
    if folder.is_dir():
        return folder
    if hub.is_name(base):
        return hub.fetch(base, revision=revision)
    if base == SCRATCH:
        raise UsageError(
            "A base from scratch is made by recsys run, of a shop's texts; "
            "give this command a folder or a model on the hub."
        )
    raise UsageError(
        f"Expected encoder.base as {KNOWN_BASE}, the folder of a pretrained model or owner/name on the hub, "
        f"got {base!r}; check it."
    )


def pretraining(settings: Settings) -> PretrainConfig:
    """The settings of the pretraining; embeddings learn where they start at random."""
    learned = {"embeddings": "learned"} if settings.encoder.base == SCRATCH else {}
    return settings.pretrain.model_copy(update=learned)


def base_for(encoder: EncoderConfig, texts: Sequence[str], work: Path) -> Path:
    """The folder of the base for a shop; one from scratch is made of its texts. What does not fit is told on stderr.

    Args:
        encoder: the settings.
        texts: of the items known before encoder_end.
        work: a directory for a base from scratch.

    Raises:
        UsageError: no such base.
        FetchError: it cannot be fetched.
        TrainingError: nothing to make one from.
    """
    from recsys.text.bases import scratch
    from recsys.text.bases.pretrained import base_tokenizer
    from recsys.text.tokens import unknown_warning

    if encoder.base == SCRATCH:
        return scratch.build(texts, encoder.scratch, work / SCRATCH)
    folder = base_folder(encoder.base, revision=encoder.revision)
    warning = unknown_warning(base_tokenizer(folder), texts)
    if warning is not None:
        err.print(f"  warning: {warning}", markup=False)
    return folder
