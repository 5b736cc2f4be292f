"""The gate: an evaluation that is too bad is not released."""

from recsys.errors import GateError
from recsys.evaluation.config import GateConfig
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.wording import figure


def check(evaluation: Evaluation, config: GateConfig) -> None:
    """Let a good evaluation pass.

    Raises:
        GateError: the student lost too much, or the lists are significantly worse than a simple method's.
    """
    metric = evaluation.headline
    student = evaluation.encoders.get("student")
    kept = student.kept.get(metric) if student else None
    if kept is not None and kept.mean < config.student_share:
        raise GateError(
            f"Expected the student to keep {config.student_share:.0%} of the teacher's {metric} "
            f"(gate.student_share), it keeps {figure(kept)}; nothing was released. Train a larger student or longer."
        )
    if not config.not_below:
        return
    if config.not_below not in evaluation.differences:
        known = ", ".join(evaluation.differences)
        raise GateError(f"gate.not_below: expected one of {known}, got {config.not_below!r}; nothing was released.")
    difference = evaluation.differences[config.not_below][OVERALL][metric]
    if difference.sign < 0:
        raise GateError(
            f"Expected lists no worse than {config.not_below} (gate.not_below), got a difference in {metric} of "
            f"{figure(difference)}; nothing was released. Look at report.html, then mend data or settings."
        )
