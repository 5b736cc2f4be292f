"""Which parts of an encoder lose most in int8, measured one at a time, and therefore stay fp32."""

from collections.abc import Callable, Sequence

from recsys.text.compress.graph import Group


def spared(
    every: Sequence[Group], loss: Callable[[Sequence[Group]], float], *, limit: float, most: int
) -> tuple[Group, ...]:
    """The fewest of the most sensitive groups without which the loss is within the limit, and never more than `most`.

    Args:
        every: all groups.
        loss: of a model with only these groups in int8.
        limit: of the loss.
        most: groups that may be spared.

    Returns:
        Groups to keep in fp32, the most sensitive first; none where all together lose little enough.
    """
    if not most or loss(every) <= limit:
        return ()
    alone = {group: loss([group]) for group in every}
    order = sorted(every, key=lambda group: -alone[group])[:most]
    for count in range(1, len(order)):
        if loss([group for group in every if group not in order[:count]]) <= limit:
            return tuple(order[:count])
    return tuple(order)
