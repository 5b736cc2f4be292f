"""The static student: a table in closed form, then the same lessons as every other."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from recsys.schema import LongArray, Progress
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.lesson import Lesson
from recsys.text.distill.pupil import Reading
from recsys.text.distill.student import Student
from recsys.text.distill.table import static_tower
from recsys.text.distill.teach import learn
from recsys.text.static import StaticEncoder, StaticTower
from recsys.text.threads import limited
from recsys.text.tokens import Tokens
from recsys.text.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticPupil:
    """A static tower that can be taught.

    Attributes:
        tower: what learns, in place.
        tokens: of the corpus' texts.
    """

    tower: StaticTower
    tokens: Tokens

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Rows and weights of the tokens."""
        return [self.tower.rows, self.tower.logits]

    def read(self, texts: LongArray) -> Reading:
        """Texts of the corpus, sorted and distinct, with gradients to what learns."""
        return Reading(vectors=self.tower(*self.tokens.padded(texts)), states=())


def static_student(
    lesson: Lesson, *, config: DistillConfig, progress: Progress, workdir: Path | None = None
) -> Student:
    """Make a table of tokens and teach it; `config.layers` and what else is about layers says nothing here.

    Args:
        lesson: what it is to match.
        config: the settings.
        progress: called after every step with the loss and its parts.
        workdir: as for `learn`.

    Returns:
        The student, calibrated on the corpus' validation window by a curve of the teacher's kind.

    Raises:
        TrainingError: labels are asked for and there are none, or a loss that is not a number.
    """
    teacher, interest = lesson.encoder, lesson.interest
    with limited(config.threads):
        tower = static_tower(teacher.tower, teacher.tokenizer, lesson.tokens, lesson.vectors.numpy())
        pupil = StaticPupil(tower=tower, tokens=lesson.tokens)
        vectors = learn(pupil, lesson, config=config, progress=progress, workdir=workdir)
        calibrated = Validation.of(lesson.corpus).calibrated(interest, vectors, interest.calibration.kind)
    encoder = StaticEncoder(
        tower=tower, tokenizer=teacher.tokenizer, max_tokens=teacher.max_tokens, digest=teacher.digest
    )
    return Student(encoder=encoder, interest=calibrated)
