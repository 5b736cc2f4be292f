"""What a training starts from: a pretrained model, or a teacher to go on from."""

from dataclasses import dataclass
from pathlib import Path

from recsys.artifacts import digest_of
from recsys.retrieval.interest import InterestModel
from recsys.text.bases.config import EncoderConfig
from recsys.text.encoder import TransformerEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Towers before the first step.

    Attributes:
        encoder: trained in place.
        interest: what a teacher knew of users; None where nothing has been learned yet.
        digest: sha256 of both.
    """

    encoder: TransformerEncoder
    interest: InterestModel | None
    digest: str

    @classmethod
    def of_base(cls, folder: Path, config: EncoderConfig) -> "Origin":
        """A pretrained model as it comes.

        Raises:
            ArtifactError: it cannot be read.
        """
        encoder = TransformerEncoder.of_base(folder, max_tokens=config.max_tokens, pooling=config.pooling)
        return cls(encoder=encoder, interest=None, digest=digest_of([encoder.digest, encoder.pooling]))

    @classmethod
    def of_teacher(cls, directory: Path) -> "Origin":
        """What `Teacher.save` wrote.

        Raises:
            ArtifactError: it cannot be read.
        """
        encoder, interest = TransformerEncoder.load(directory), InterestModel.load(directory)
        learned = [interest.query.tolist(), interest.age_bias.tolist(), interest.map.tolist(), interest.weight_power]
        return cls(encoder=encoder, interest=interest, digest=digest_of([encoder.digest, encoder.pooling, learned]))
