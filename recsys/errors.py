"""Every error a user can cause. One sentence each: what was expected, what came, where, and what to do."""


class RecsysError(Exception):
    """Base of all errors that the command line reports without a stack trace; exit code 1."""

    exit_code = 1


class UsageError(RecsysError):
    """A command or setting that cannot be obeyed as written; exit code 2."""

    exit_code = 2


class ConfigError(UsageError):
    """An unknown or ill-typed setting."""


class SchemaError(RecsysError):
    """Input that lacks a column, has a wrong type, or holds no usable rows."""


class QualityError(SchemaError):
    """More malformed rows than `quality.max_reject_fraction` allows."""


class SplitError(RecsysError):
    """A log too short, or too still, to be cut into training and test windows."""


class ShapeError(RecsysError):
    """Arrays that do not fit each other, or belong to another catalogue or encoder."""


class ArtifactError(RecsysError):
    """An artifact that is missing, incomplete, altered, or of another kind."""


class FetchError(RecsysError):
    """A download that failed or whose sha256 is not the expected one."""


class TrainingError(RecsysError):
    """Training that cannot start or must stop, such as a loss that is not a number."""


class ExportError(RecsysError):
    """An encoder that cannot become the one that is served, or would not be the same any more."""


class GateError(RecsysError):
    """A quality gate said no; exit code 3."""

    exit_code = 3
