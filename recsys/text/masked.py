"""A masked language model: a pretrained encoder with the head that guesses hidden tokens (Devlin et al. 2019)."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM
from transformers.utils import logging

from recsys.artifacts import digest_of, sha256
from recsys.errors import ArtifactError

FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""The base layout."""

_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedModel:
    """Encoder, head and tokenizer; the head's output weights are the word embeddings.

    Attributes:
        network: transformers' ...ForMaskedLM of a BERT family, in evaluation mode, so without dropout.
        tokenizer: neither cuts nor pads.
        mask: id of the token that hides another.
        folder: the base it was read from.
    """

    network: nn.Module
    tokenizer: Tokenizer
    mask: int
    folder: Path

    @classmethod
    def of_base(cls, folder: Path) -> "MaskedModel":
        """A base with a trained head.

        Raises:
            ArtifactError: a file is missing or of an unknown form, no mask token, or no masked-language-model head.
        """
        model, untrained = _read(folder, seed=0)
        if untrained:
            raise ArtifactError(
                f"Expected a masked-language-model head in {folder}, found none ({min(untrained)} is missing): prompts "
                "need one. Train it by the stage pretrain (pretrain.steps above 0) or choose another base."
            )
        return model

    @classmethod
    def starting(cls, folder: Path, *, seed: int) -> "MaskedModel":
        """A base to be trained: a head it has is kept, otherwise it gets a fresh one, drawn by `seed`.

        Raises:
            ArtifactError: a file is missing or of an unknown form, or no mask token.
        """
        return _read(folder, seed=seed)[0]

    @property
    def digest(self) -> str:
        """sha256 over the base's files."""
        return digest_of([sha256(self.folder / name) for name in FILES])

    @property
    def positions(self) -> int:
        """Longest text in tokens."""
        # two less: RoBERTa's positions start at 2
        return int(self.network.config.max_position_embeddings) - 2  # type: ignore[union-attr,arg-type]

    @property
    def layers(self) -> nn.ModuleList:
        """The encoder's layers, lowest first."""
        layers = self.network.base_model.encoder.layer  # type: ignore[union-attr]
        assert isinstance(layers, nn.ModuleList)
        return layers

    @property
    def embeddings(self) -> list[nn.Parameter]:
        """Of words and positions; the words' are the head's output weights too."""
        return list(self.network.base_model.embeddings.parameters())  # type: ignore[union-attr,arg-type]

    @property
    def head(self) -> list[nn.Parameter]:
        """What the head has of its own: a transform and the output bias."""
        shared = {id(parameter) for parameter in self.embeddings}
        return [parameter for parameter in _head(self.network).parameters() if id(parameter) not in shared]

    def states(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, T, D): the tokens' states after the last layer; `mask_NT` is true where a token is."""
        states_NTD = self.network.base_model(input_ids=ids_NT, attention_mask=mask_NT.long()).last_hidden_state  # type: ignore[operator]
        assert isinstance(states_NTD, Tensor)
        return states_NTD

    def logits(self, states_MD: Tensor) -> Tensor:
        """(M, V): of every token of the vocabulary in the place of a state. The softmax is the guess."""
        logits_MV = _head(self.network)(states_MD)
        assert isinstance(logits_MV, Tensor)
        return logits_MV

    def save(self, directory: Path) -> None:
        """Write the base layout, head included, into an existing directory."""
        self.network.config.save_pretrained(directory)  # type: ignore[union-attr,operator]
        state = self.network.state_dict()
        tied = set(self.network.all_tied_weights_keys)  # type: ignore[arg-type]
        weights = {name: value.contiguous() for name, value in state.items() if name not in tied}
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
        shutil.copyfile(self.folder / "tokenizer.json", directory / "tokenizer.json")


def _head(network: nn.Module) -> nn.Module:
    head = getattr(network, "cls", None) or network.lm_head
    assert isinstance(head, nn.Module)
    return head


def _read(folder: Path, *, seed: int) -> tuple[MaskedModel, set[str]]:
    """The model, and the names of the head's weights that the folder lacks."""
    for name in FILES:
        if not (folder / name).is_file():
            raise ArtifactError(f"Expected a pretrained model at {folder}, found no {name}; fetch or copy it again.")
    with _quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            network, info = AutoModelForMaskedLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise ArtifactError(
                f"Expected a BERT-family model at {folder}, could not read it ({error}); choose another base."
            ) from error
    if not (hasattr(network, "cls") or hasattr(network, "lm_head")) or not hasattr(network.base_model, "encoder"):
        raise ArtifactError(
            f"Expected a BERT-family model (encoder and masked-language-model head) at {folder}, got "
            f"{type(network).__name__}; choose another base."
        )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = MaskedModel(
        network=network.float().eval(), tokenizer=tokenizer, mask=_mask(tokenizer, folder), folder=folder
    )
    return model, {name for name in info["missing_keys"] if not name.startswith(f"{network.base_model_prefix}.")}


def _mask(tokenizer: Tokenizer, folder: Path) -> int:
    found = [tokenizer.token_to_id(token) for token in _MASKS]
    known = [token for token in found if token is not None]
    if not known:
        raise ArtifactError(
            f"Expected a mask token ({' or '.join(_MASKS)}) in {folder / 'tokenizer.json'}, found none; choose a base "
            "whose tokenizer has one."
        )
    return int(known[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, no bars: what is missing is told in our words."""
    progress, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if progress:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
