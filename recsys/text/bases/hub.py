"""A pretrained model by its name, `owner/name`: from the Hugging Face Hub, or from its cache without a network."""

import re
from pathlib import Path

import httpx
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from recsys.errors import FetchError

WEIGHTS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
VOCABULARIES = ("vocab.txt", "vocab.json", "*.model")
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
FILES = ("config.json", *WEIGHTS, *TOKENIZERS, *VOCABULARIES)
"""Patterns of all that a base is made of: no pickles, no code."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_name(base: str) -> bool:
    """Whether this can be a model's name on the hub.

    >>> is_name("google-bert/bert-base-uncased"), is_name("all-MiniLM-L6-v2"), is_name("/models/mine")
    (True, False, False)
    """
    return _NAME.fullmatch(base) is not None


def fetch(name: str, *, revision: str = "main", endpoint: str | None = None, cache: Path | None = None) -> Path:
    """The folder of a model's configuration, safetensors weights and tokenizer, in the hub's own cache.

    Args:
        name: owner/name.
        revision: branch, tag or commit.
        endpoint: address of the hub; HF_ENDPOINT or the public one by default.
        cache: of all models; HF_HUB_CACHE or the user's by default.

    Raises:
        FetchError: no such model or revision, no network and nothing cached, or no safetensors weights.
    """
    try:
        found = snapshot_download(
            name, revision=revision, allow_patterns=list(FILES), endpoint=endpoint, cache_dir=cache
        )
    except RevisionNotFoundError as error:
        raise FetchError(
            f"Expected encoder.revision as a branch, tag or commit of {name}, got {revision!r}; look it up on the hub."
        ) from error
    except GatedRepoError as error:
        raise FetchError(
            f"{name} is given out only to those who accepted its terms; do so on the hub and set HF_TOKEN, "
            "or choose another base."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise FetchError(
            f"Expected encoder.base as a folder or a model on the hub, found neither at {name!r}; check the name."
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise FetchError(
            f"{name} is not in the cache and the hub cannot be reached ({type(error).__name__}); fetch it where there "
            "is a network, or set encoder.base to a folder with config.json, model.safetensors and tokenizer.json."
        ) from error
    folder = Path(found)
    if not any(folder.glob("model*.safetensors")):
        raise FetchError(
            f"Expected safetensors weights in {name} at {revision!r}, its repository has none; choose a revision or a "
            "base that has, or convert it where you trust it and set encoder.base to that folder."
        )
    return folder
