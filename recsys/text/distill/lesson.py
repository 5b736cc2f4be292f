"""What a student is to match: computed once, and the same for all students of a teacher."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recsys.retrieval.interest import InterestModel
from recsys.text.corpus import Corpus
from recsys.text.distill.config import DistillConfig
from recsys.text.encoder import TransformerEncoder
from recsys.text.threads import limited
from recsys.text.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """The teacher, and what it says of the corpus.

    Attributes:
        corpus: what was known at encoder_end.
        encoder: the teacher's.
        interest: its user tower.
        tokens: of the corpus' texts.
        vectors: float32 (n_texts, D), the teacher's.
        users: float32 (n_users, D), the teacher's user vectors as of encoder_end; no zero rows.
    """

    corpus: Corpus
    encoder: TransformerEncoder
    interest: InterestModel
    tokens: Tokens
    vectors: Tensor
    users: Tensor

    @classmethod
    def of(cls, teacher: Path, corpus: Corpus, config: DistillConfig) -> "Lesson":
        """Read the teacher, the directory of an encoder and its user tower, and ask it.

        Raises:
            ArtifactError: there is no teacher.
        """
        encoder, interest = TransformerEncoder.load(teacher), InterestModel.load(teacher)
        with limited(config.threads):
            vectors = encoder.encode(corpus.texts)
            users = interest.user_vectors(corpus.histories(np.unique(corpus.user)), vectors, as_of=corpus.end)
        return cls(
            corpus=corpus,
            encoder=encoder,
            interest=interest,
            tokens=encoder.tokens(corpus.texts),
            vectors=torch.from_numpy(vectors),
            users=torch.from_numpy(users),
        )
