"""The strong teacher: a transformer that reads history and candidate together, and says how well they go together.

Nogueira & Cho 2019 (arXiv 1901.04085). Every pair goes through all layers, so nothing can be computed ahead: it
reorders some tens of candidates and teaches, it does not serve.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recsys.artifacts import publish, read_manifest, verify
from recsys.errors import ArtifactError, ShapeError
from recsys.schema import FloatArray
from recsys.text.bases.layout import TRANSFORMER
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.joint import Joint, Reader
from recsys.text.encoder import SETTINGS, TextTower, TransformerEncoder
from recsys.text.states import TOKENS
from recsys.text.threads import limited

KIND = "cross_encoder"

_ENCODER, _HEAD, _CONFIG = "encoder", "cross.safetensors", "cross_encoder.json"
_SCALE = 10.0


class CrossTower(nn.Module):
    """score = scale · cos(f(mean of the history's states), f(mean of the candidate's)) + w · first state.

    f is the encoder's own projection, so that training starts near the order of the two towers and not from chance; w
    starts at 0 and learns what only the joint reading shows.
    """

    def __init__(self, text: TextTower) -> None:
        super().__init__()
        self.text = text
        self.log_scale = nn.Parameter(torch.tensor(float(np.log(_SCALE))))
        self.first = nn.Parameter(torch.zeros(text.width))

    def forward(self, ids_NT: Tensor, mask_NT: Tensor, candidate_NT: Tensor) -> Tensor:
        """(N,): scores; the masks are true where a token is, and where one of the candidate's is."""
        hidden_NTD = self.text.states(ids_NT, mask_NT)
        history_ND, candidate_ND = (
            self.text.head.project(_mean(hidden_NTD, part_NT)) for part_NT in (mask_NT & ~candidate_NT, candidate_NT)
        )
        return self.log_scale.exp() * (history_ND * candidate_ND).sum(dim=1) + hidden_NTD[:, 0] @ self.first

    def scores(self, joint: Joint) -> FloatArray:
        """float32 (n,), without gradients."""
        out = np.zeros(len(joint.tokens), np.float32)
        with torch.inference_mode():
            for rows in joint.tokens.groups(np.arange(len(out)), tokens=TOKENS):
                out[rows] = self(*joint.padded(rows)).numpy()
        return out


def _mean(hidden_NTD: Tensor, part_NT: Tensor) -> Tensor:
    weight_NT1 = part_NT.to(hidden_NTD.dtype)[:, :, None]
    return (hidden_NTD * weight_NT1).sum(dim=1) / weight_NT1.sum(dim=1).clamp(min=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossEncoder:
    """A tower with what reads for it.

    Attributes:
        encoder: tokenizer and transformer; its digest is that of what training started from.
        tower: over the same transformer, in evaluation mode.
        config: the settings.
    """

    encoder: TransformerEncoder
    tower: CrossTower
    config: CrossEncoderConfig

    @classmethod
    def of(cls, start: Path, config: CrossEncoderConfig) -> "CrossEncoder":
        """Untrained, from a teacher's directory, or from the folder of a pretrained model.

        Raises:
            ArtifactError: neither.
        """
        longest = max(config.title_tokens, config.candidate_tokens)
        taught = (start / SETTINGS).is_file()
        folder = start / TRANSFORMER if taught else start
        encoder = TransformerEncoder.of_base(folder, max_tokens=longest, pooling="mean")
        if taught:
            encoder.tower.head = TransformerEncoder.load(start).tower.head
        return cls(encoder=encoder, tower=CrossTower(encoder.tower).eval(), config=config)

    @property
    def reader(self) -> Reader:
        """What puts a history and a candidate into one row."""
        return Reader.of(self.encoder.tokenizer, self.encoder.tower.backbone.positions, self.config)

    def score(self, histories: Sequence[Sequence[str]], candidates: Sequence[Sequence[str]]) -> FloatArray:
        """How well candidates go with histories; to be compared within a user, higher is better.

        Args:
            histories: texts of each user's history, oldest first.
            candidates: texts of each user's candidates, as many for every user.

        Returns:
            float32 (users, candidates).

        Raises:
            ShapeError: other numbers of histories and lists of candidates, or lists of unequal length.
        """
        lengths = {len(row) for row in candidates}
        if len(histories) != len(candidates) or len(lengths) > 1:
            raise ShapeError(
                f"Expected equally many candidates for each history, got {len(histories)} histories and "
                f"{len(candidates)} lists of {sorted(lengths)} candidates; pair them."
            )
        names = sorted({text for rows in (*histories, *candidates) for text in rows})
        read = dict(zip(names, self.reader.titles(names), strict=True))
        pairs = [(history, text) for history, row in zip(histories, candidates, strict=True) for text in row]
        joint = self.reader.read([[read[t] for t in history] for history, _ in pairs], [read[t] for _, t in pairs])
        with limited(self.config.threads):
            return self.tower.scores(joint).reshape(len(candidates), *lengths)

    def save(self, directory: Path) -> str:
        """Publish the artifact: encoder/, cross.safetensors, cross_encoder.json and a manifest, all or nothing.

        Returns:
            Its digest.

        Raises:
            ArtifactError: the disk is full or not writable; what was there before is untouched.
        """
        settings = self.config.model_dump(mode="json")
        with publish(directory, kind=KIND, config=settings, parents={"start": self.encoder.digest}) as work:
            (work / _ENCODER).mkdir()
            self.encoder.save(work / _ENCODER)
            own = {"log_scale": self.tower.log_scale.detach(), "first": self.tower.first.detach()}
            save_file(own, work / _HEAD)
            (work / _CONFIG).write_text(self.config.model_dump_json(indent=1))
        return read_manifest(directory, kind=KIND).digest

    @classmethod
    def load(cls, directory: Path) -> "CrossEncoder":
        """Read what `save` wrote, every file's sha256 compared first.

        Raises:
            ArtifactError: no cross-encoder, or one that was altered.
        """
        verify(directory, kind=KIND)
        try:
            config = CrossEncoderConfig.model_validate(json.loads((directory / _CONFIG).read_text()))
            own = load_file(directory / _HEAD)
            found = cls.of(directory / _ENCODER, config)
            found.tower.load_state_dict(own, strict=False)
        except (OSError, ValueError, ValidationError, RuntimeError, SafetensorError) as error:
            raise ArtifactError(
                f"Expected a cross-encoder in {directory}, got something else ({error}); train it again."
            ) from error
        return found
