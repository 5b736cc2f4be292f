"""What a log says of the arms that wrote it: the experiment's read-out, and contests of interleaved lists."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.console import warn
from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.readout import READOUT, Readout
from recsys.evaluation.experiment.section import readout_section
from recsys.evaluation.experiment.table import table
from recsys.evaluation.interleaved_log import InterleavedLog
from recsys.evaluation.off_policy.judging.judgement import write
from recsys.evaluation.preferred import Preferred, preferred, preferred_section, to_json
from recsys.evaluation.preferred import table as preferred_table
from recsys.evaluation.refusal import Refusals

INTERLEAVED = "interleaved.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The arms of a log.

    Attributes:
        readout: what they have shown beside each other, or why nothing, such as that there is but one.
        preferred: contests of interleaved lists.
    """

    readout: Readout | Refusals
    preferred: tuple[Preferred, ...]

    @classmethod
    def of(cls, log: PolicyLog, config: OffPolicyConfig, *, seed: int) -> "Arms":
        """Of a log; contests that cannot be read are told on stderr and left out."""
        contests = InterleavedLog.of(log, config)
        if isinstance(contests, tuple):
            warn(f"interleaved lists are left out: {each}" for each in contests)
            contests = InterleavedLog()
        found = preferred(contests.contests, samples=config.samples, seed=seed)
        return cls(readout=Readout.of(log, config, control=config.control), preferred=found)

    @property
    def refused(self) -> Refusals:
        """Why the arms are not compared; contests say something without that."""
        if self.preferred:
            return ()
        return self.readout if isinstance(self.readout, tuple) else self.readout.refused

    @property
    def table(self) -> str:
        """For the terminal; empty where there is nothing to say."""
        readout = "" if isinstance(self.readout, tuple) else table(self.readout)
        return "\n\n".join(part for part in (readout, preferred_table(self.preferred)) if part)

    @property
    def sections(self) -> list[str]:
        """For the page."""
        readout = "" if isinstance(self.readout, tuple) else readout_section(self.readout)
        return [readout, preferred_section(self.preferred)]

    def to_json(self) -> str:
        """Both as one object; null where there is no read-out."""
        readout = "null" if isinstance(self.readout, tuple) else self.readout.to_json()
        return f'{{"experiment": {readout.strip()}, "interleaved": {to_json(self.preferred).strip()}}}'

    def save(self, directory: Path) -> None:
        """Write what there is as JSON, in one step each; what stood there of another log goes."""
        if isinstance(self.readout, Readout):
            self.readout.save(directory)
        else:
            (directory / READOUT).unlink(missing_ok=True)
        if self.preferred:
            write(directory / INTERLEAVED, to_json(self.preferred).encode())
        else:
            (directory / INTERLEAVED).unlink(missing_ok=True)
