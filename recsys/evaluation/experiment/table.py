"""A readout for the terminal."""

from recsys.evaluation.experiment import words
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.table import aligned


def table(readout: Readout) -> str:
    """Arms, what they earn beside the control, guardrails and looks; why not, where they are not compared."""
    parts = [words.summary(readout), readout.assignment.sentence, words.left_out(readout)]
    parts.append("\n" + aligned([words.ARMS, *map(words.arm_cells, readout.arms)]))
    if readout.contrasts:
        control = readout.control.arm
        parts.append(f"\nReward beside {control}, relative in %; 95 % intervals where nothing else is said")
        parts.append(aligned([words.GAPS, *map(words.gap_cells, readout.contrasts)]))
        parts += [each.sentence for each in readout.contrasts]
        parts.append(words.past(readout))
        parts.append(f"\nGuardrails beside {control}, differences in points or %")
        parts.append(aligned([words.RAILS, *map(words.rail_cells, readout.guardrails)]))
        parts.append(f"\nLooking at any time, by what users earn in their first {readout.window_hours:g} hours")
        parts += [each.sentence for each in readout.paths]
    parts += [f"\nRefused ({each.name}): {each}" for each in readout.refused]
    return "\n".join(part for part in parts if part)
