"""Task heads: a linear layer on an encoder's states that says what a text or a word is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recsys.artifacts import publish, read_manifest, verify
from recsys.errors import ArtifactError, ShapeError
from recsys.text.bases.layout import TRANSFORMER
from recsys.text.encoder import TransformerEncoder
from recsys.text.heads.config import HeadConfig

KIND = "head"

Task = Literal["classify", "tag"]

_ENCODER, _LINEAR, _SETTINGS = "encoder", "head.safetensors", "head.json"


class HeadModel(nn.Module):
    """An encoder's tower and a linear layer over its states: pooled for a text, each token's for words."""

    def __init__(self, encoder: TransformerEncoder, outputs: int, *, seed: int) -> None:
        super().__init__()
        self.tower = encoder.tower
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linear = nn.Linear(encoder.tower.width, outputs)

    def pooled(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, D): one state a text, of any length."""
        return self.tower.head.pool(self.states(ids_NT, mask_NT), mask_NT)

    def states(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """(N, T, D): the tokens' states after the last layer."""
        return self.tower.states(ids_NT, mask_NT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A trained head with its encoder.

    Attributes:
        task: what it is for.
        encoder: tokenizer and tower; its digest is that of what training started from.
        model: the encoder's tower and the linear layer, in evaluation mode.
        labels: the classes, or the tags, in the order of the linear layer's outputs.
    """

    task: Task
    encoder: TransformerEncoder
    model: HeadModel
    labels: tuple[str, ...]

    def check(self, task: Task) -> None:
        """Refuse another task.

        Raises:
            ShapeError: the head was trained for another one.
        """
        if self.task != task:
            raise ShapeError(f"Expected a head trained to {task}, got one trained to {self.task}; use another head.")

    def save(self, directory: Path, *, config: HeadConfig) -> str:
        """Publish the artifact: encoder/, head.safetensors, head.json and a manifest.

        Returns:
            Its digest.

        Raises:
            ArtifactError: the disk is full or not writable; what was there before is untouched.
        """
        settings = config.model_dump(mode="json")
        with publish(directory, kind=KIND, config=settings, parents={"start": self.encoder.digest}) as work:
            (work / _ENCODER).mkdir()
            self.encoder.save(work / _ENCODER)
            save_file(self.model.linear.state_dict(), work / _LINEAR)
            (work / _SETTINGS).write_text(json.dumps({"task": self.task, "labels": self.labels}, indent=1))
        return read_manifest(directory, kind=KIND).digest

    @classmethod
    def load(cls, directory: Path) -> "Head":
        """Read what `save` wrote, every file's sha256 compared first.

        Raises:
            ArtifactError: no head, or one that was altered.
        """
        verify(directory, kind=KIND)
        try:
            settings = json.loads((directory / _SETTINGS).read_text())
            task, labels, linear = settings["task"], tuple(settings["labels"]), load_file(directory / _LINEAR)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ArtifactError(f"Expected a head in {directory}, got something else ({error}); train anew.") from error
        encoder = TransformerEncoder.load(directory / _ENCODER)
        model = HeadModel(encoder, len(labels), seed=0)
        if linear["weight"].shape != model.linear.weight.shape or task not in ("classify", "tag"):
            raise ArtifactError(f"The head in {directory} does not fit its encoder and labels; train it again.")
        model.linear.load_state_dict(linear)
        return cls(task=task, encoder=encoder, model=model.eval(), labels=labels)


def starting_encoder(folder: Path, config: HeadConfig) -> TransformerEncoder:
    """What a head's training starts from: a pretrained model, or the transformer of a teacher.

    Raises:
        ArtifactError: neither.
    """
    inner = folder / TRANSFORMER
    start = inner if inner.is_dir() else folder
    return TransformerEncoder.of_base(start, max_tokens=config.max_tokens, pooling=config.pooling)
