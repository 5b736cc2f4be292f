"""What a student is to match: computed once, and the same for all students of a teacher."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from recsys.data.interactions import Histories
from recsys.errors import ConfigError
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, LongArray, Progress
from recsys.text.corpus import Corpus
from recsys.text.cross.two_tower import TwoTower
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.joint_scores import JointScores
from recsys.text.encoder import TransformerEncoder
from recsys.text.prefixes import prefix, widths
from recsys.text.threads import limited
from recsys.text.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One teacher's scores: dot products of users and texts, in a space of its own.

    Attributes:
        users: float32 (n_users, D), as of encoder_end.
        vectors: float32 (n_texts, D).
    """

    users: Tensor
    vectors: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """The teachers, and what they say of the corpus.

    Attributes:
        corpus: what was known at encoder_end.
        encoder: the first teacher's: its tokenizer is the student's, its states are matched.
        interest: the first teacher's user tower, which is the student's.
        tokens: of the corpus' texts.
        vectors: float32 (n_texts, D), the mean of the teachers', of length 1.
        users: by width, widest first, float32 (n_users, d): user vectors over `vectors` of that width. No zero rows.
        voices: the teachers, whose score distributions are averaged.
        joint: a cross-encoder's scores, if one teaches.
    """

    corpus: Corpus
    encoder: TransformerEncoder
    interest: InterestModel
    tokens: Tokens
    vectors: Tensor
    users: dict[int, Tensor]
    voices: tuple[Voice, ...]
    joint: JointScores | None

    @classmethod
    def of(cls, teacher: Path, corpus: Corpus, *, config: DistillConfig, progress: Progress) -> "Lesson":
        """Read the teachers, and ask each of them about every text and user.

        Only events that teach are read, none of those the student is judged by.

        Args:
            teacher: the run's own, directory of an encoder and its user tower.
            corpus: what was known at encoder_end.
            config: the settings, which name the others.
            progress: called while a cross-encoder is asked.

        Raises:
            ArtifactError: no teacher or cross-encoder in a directory.
            ConfigError: teachers of unequal width, or a width that is none of theirs.
        """
        encoder, interest = TransformerEncoder.load(teacher), InterestModel.load(teacher)
        dims = widths(config.dims, encoder.dim, setting="distill.dims")
        teaching = corpus.teaching()
        histories = teaching.histories(np.unique(teaching.user))
        with limited(config.threads):
            voices = [_voice(encoder, interest, corpus, histories)]
            voices += [_other(Path(other), encoder.dim, corpus, histories) for other in config.teachers]
            vectors = normalize(torch.stack([voice.vectors for voice in voices]).mean(dim=0), dim=1)
            users = {dim: _users(interest.cut(dim), prefix(vectors, dim).numpy(), histories, corpus) for dim in dims}
            two_tower = TwoTower(interest=interest, vectors=vectors.numpy())
            joint = JointScores.of(teaching, two_tower, config.cross, progress) if config.cross.teaches else None
        return cls(
            corpus=corpus,
            encoder=encoder,
            interest=interest,
            tokens=encoder.tokens(corpus.texts),
            vectors=vectors,
            users=users,
            voices=tuple(voices),
            joint=joint,
        )

    def teacher_scores(self, users: LongArray, texts: LongArray, temperature: float) -> Tensor:
        """float32 (B, C): log of the mean over teachers of the softmax over the texts of score / temperature."""
        b, c = torch.from_numpy(users), torch.from_numpy(texts)
        logs = [torch.log_softmax(v.users[b] @ v.vectors[c].T / temperature, dim=1) for v in self.voices]
        return torch.stack(logs).logsumexp(dim=0) - float(np.log(len(logs)))


def _voice(encoder: TransformerEncoder, interest: InterestModel, corpus: Corpus, histories: Histories) -> Voice:
    vectors = encoder.encode(corpus.texts)
    return Voice(users=_users(interest, vectors, histories, corpus), vectors=torch.from_numpy(vectors))


def _other(directory: Path, dim: int, corpus: Corpus, histories: Histories) -> Voice:
    encoder = TransformerEncoder.load(directory)
    if encoder.dim != dim:
        raise ConfigError(
            f"Expected teachers whose vectors are {dim} wide, like those of the run's own, got {encoder.dim} in "
            f"{directory}; take it out of distill.teachers."
        )
    return _voice(encoder, InterestModel.load(directory), corpus, histories)


def _users(interest: InterestModel, vectors: FloatArray, histories: Histories, corpus: Corpus) -> Tensor:
    return torch.from_numpy(interest.user_vectors(histories, vectors, as_of=corpus.end))
