"""What a training starts from: a pretrained model, or a teacher to go on from."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from recsys.artifacts import digest_of
from recsys.errors import ArtifactError
from recsys.retrieval.interest import InterestModel
from recsys.text.bases.config import EncoderConfig
from recsys.text.encoder import TransformerEncoder

SCALE = "scale.json"

_FIRST = 10.0


def write_scale(scale: float, directory: Path) -> None:
    """Write scale.json beside a teacher: the inverse temperature of the softmax it was taught by."""
    (directory / SCALE).write_text(json.dumps(scale))


def read_scale(directory: Path) -> float:
    """What `write_scale` wrote.

    Raises:
        ArtifactError: the file is missing or holds no number above 0.
    """
    try:
        scale = float(json.loads((directory / SCALE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(
            f"Expected a teacher with {SCALE} in {directory}, could not read it ({error}); set "
            "finetune.continual.start to the teacher directory of a finished run."
        ) from error
    if not 0 < scale < math.inf:
        raise ArtifactError(f"Expected a scale above 0 in {directory / SCALE}, got {scale}; train the teacher again.")
    return scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Towers before the first step.

    Attributes:
        encoder: trained in place.
        interest: what a teacher knew of users; None where nothing has been learned yet.
        scale: inverse temperature of the softmax loss at the first step.
        digest: sha256 of all three.
    """

    encoder: TransformerEncoder
    interest: InterestModel | None
    scale: float
    digest: str

    @classmethod
    def of_base(cls, folder: Path, config: EncoderConfig) -> "Origin":
        """A pretrained model as it comes.

        Raises:
            ArtifactError: it cannot be read.
        """
        encoder = TransformerEncoder.of_base(folder, max_tokens=config.max_tokens, pooling=config.pooling)
        return cls(encoder=encoder, interest=None, scale=_FIRST, digest=digest_of([encoder.digest, encoder.pooling]))

    @classmethod
    def of_teacher(cls, directory: Path) -> "Origin":
        """What `Teacher.save` wrote.

        Raises:
            ArtifactError: it cannot be read.
        """
        encoder, interest = TransformerEncoder.load(directory), InterestModel.load(directory)
        scale = read_scale(directory)
        learned = [interest.query.tolist(), interest.age_bias.tolist(), interest.map.tolist(), interest.weight_power]
        digest = digest_of([encoder.digest, encoder.pooling, learned, scale])
        return cls(encoder=encoder, interest=interest, scale=scale, digest=digest)
