"""A masked language model: a pretrained encoder with the head that guesses hidden tokens (Devlin et al. 2019)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM

from recsys.errors import ArtifactError
from recsys.text.bases.pretrained import digest, quiet, read_tokenizer, require_files

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
        """Of the base's files."""
        return digest(self.folder)

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
        return list(self.network.base_model.embeddings.parameters())  # type: ignore[union-attr]

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
        self.tokenizer.save(str(directory / "tokenizer.json"))


def _read(folder: Path, *, seed: int) -> tuple[MaskedModel, set[str]]:
    """The model, and the names of the head's weights that the folder lacks."""
    require_files(folder)
    try:
        with quiet(), torch.random.fork_rng():
            network, found = AutoModelForMaskedLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise ArtifactError(
            f"Expected a BERT-family model at {folder}, could not read it ({error}); choose another base."
        ) from error
    if not hasattr(network, "cls") and not hasattr(network, "lm_head"):
        raise ArtifactError(
            f"Expected a model of the BERT or RoBERTa family at {folder}, whose masked-language-model head is known "
            f"here, got {type(network).__name__}; choose another base."
        )
    tokenizer = read_tokenizer(folder, network, network.config.max_position_embeddings)
    tokenizer.no_truncation()
    mask = _mask(tokenizer, folder)
    absent = {name for name in found["missing_keys"] if not name.startswith(f"{network.base_model_prefix}.")}
    _draw(network, absent, seed)
    model = MaskedModel(network=network.float().eval(), tokenizer=tokenizer, mask=mask, folder=folder)
    return model, absent


def _draw(network: nn.Module, names: set[str], seed: int) -> None:
    """New values for the named parameters and for those left without one, as BERT's are: maps from a normal
    distribution, norms 1, biases 0. What is tied is tied again: loading does not always do it where both are missing.
    """
    drawing = torch.Generator().manual_seed(seed)
    spread = float(network.config.initializer_range)  # type: ignore[union-attr,arg-type]
    for name, old in sorted(network.named_parameters()):
        if name not in names and not old.is_meta:
            continue
        if old.ndim > 1:
            new = torch.normal(0.0, spread, old.shape, generator=drawing)
        else:
            new = torch.ones(old.shape) if name.endswith("weight") else torch.zeros(old.shape)
        owner, _, leaf = name.rpartition(".")
        network.get_submodule(owner).register_parameter(leaf, nn.Parameter(new))
    network.tie_weights()  # type: ignore[operator]


def _head(network: nn.Module) -> nn.Module:
    head = getattr(network, "cls", None) or network.lm_head
    assert isinstance(head, nn.Module)
    return head


def _mask(tokenizer: Tokenizer, folder: Path) -> int:
    found = [tokenizer.token_to_id(token) for token in _MASKS]
    known = [token for token in found if token is not None]
    if not known:
        raise ArtifactError(
            f"Expected a mask token ({' or '.join(_MASKS)}) in the tokenizer of {folder}, found none; choose a base "
            "whose tokenizer has one."
        )
    return int(known[0])
