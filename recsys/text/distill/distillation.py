"""From the teacher to a smaller encoder that gives the same vectors and ranks alike."""

from pathlib import Path

from recsys.schema import Progress
from recsys.text.corpus import Corpus
from recsys.text.distill.config import DistillConfig
from recsys.text.distill.lesson import Lesson
from recsys.text.distill.static import static_student
from recsys.text.distill.student import Student, initial
from recsys.text.distill.teach import teach
from recsys.text.prune import prune, settle


def distill(
    teacher: Path, corpus: Corpus, *, config: DistillConfig, progress: Progress, workdir: Path | None = None
) -> Student:
    """Train a student on texts known before encoder_end.

    Args:
        teacher: directory of the teacher's encoder and interest model.
        corpus: what was known at encoder_end.
        config: the settings.
        progress: called while a cross-encoder is asked, and after every step.
        workdir: the checkpoint; the same directory, for the same teachers, resumes an interrupted training, which ends
            bit-equal. Without one an interruption leaves nothing behind.

    Returns:
        The student, calibrated on the corpus' validation window by a curve of the teacher's kind.

    Raises:
        ArtifactError: no teacher or cross-encoder in a directory.
        ConfigError: teachers of unequal width, or settings that exclude each other.
        TrainingError: a student deeper or wider than its teacher, a teacher that cannot be pruned, or a loss that is
            not a number.
    """
    if config.prune or config.width:  # a frozen layer could not make up for what it lost
        config = config.model_copy(update={"frozen_layers": 0})
    lesson = Lesson.of(teacher, corpus, config=config, progress=progress)
    if config.kind == "static":
        return static_student(lesson, config=config, progress=progress, workdir=workdir)
    tower = initial(lesson.encoder.tower, config)
    if config.prune:
        prune(tower, lesson.tokens, amount=config.prune, kind=config.pruning, seed=config.seed)
    student = teach(tower, lesson, config=config, progress=progress, workdir=workdir)
    settle(tower)
    return student
