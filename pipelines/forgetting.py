"""What a teacher that goes on from another must not learn, and what it has kept and gained in the end."""

from pathlib import Path

from recsys.artifacts import verify
from recsys.evaluation import forgetting
from recsys.evaluation.forgetting import Change
from recsys.text import continual
from recsys.text.corpus import Corpus


def verified(start: str) -> Path | None:
    """The directory of the teacher that finetune.continual.start names, its files checked; None where it names none.

    Raises:
        ArtifactError: no whole teacher there.
    """
    if not start:
        return None
    verify(Path(start), kind="teacher")
    return Path(start)


def prepared(corpus: Corpus, start: Path | None) -> Corpus:
    """The corpus less what judged the teacher that is gone on from, and judged by what came after it.

    Raises:
        ArtifactError: no teacher there.
        TrainingError: the log brings nothing newer.
    """
    return corpus if start is None else corpus.after(continual.read_windows(start))


def write(corpus: Corpus, start: Path | None, teacher: Path) -> None:
    """Write windows.json into the teacher's directory, and forgetting.json where it went on from another.

    Args:
        corpus: what `prepared` gave.
        start: directory of the teacher that was gone on from, if any.
        teacher: directory of the finished teacher.
    """
    continual.write_windows(corpus, teacher)
    if start is None:
        return
    windows = [corpus.earlier[-1], (corpus.valid_start, corpus.end)]
    judged = continual.memories(corpus, start, teacher, windows)
    changes = [Change.of(m.before.ndcg, m.after.ndcg, w) for m, w in zip(judged, windows, strict=True)]
    forgetting.save(dict(zip(("old", "new"), changes, strict=True)), teacher)
