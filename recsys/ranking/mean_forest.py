"""Several forests as one whose score is their mean, in LightGBM's text form."""

import re
from collections.abc import Sequence

_END = "\nend of trees\n"
_TREE = re.compile(r"(?<=\n)Tree=\d+\n")
_VALUES = re.compile(r"(?<=\n)(leaf_value|internal_value)=(.*)")


def mean(models: Sequence[str]) -> str:
    """The text of a model with the trees of all of them, what each leaf says divided by their number.

    Args:
        models: at least one, of the same features, each what `Booster.model_to_string` gives.

    The head is the first one's, without `tree_sizes`: LightGBM reads a text without it tree by tree.
    """
    if len(models) == 1:
        return models[0]
    parts = [_TREE.split(model.partition(_END)[0]) for model in models]
    trees = [_VALUES.sub(lambda line: _divided(line, len(models)), tree) for _, *own in parts for tree in own]
    head = re.sub(r"\ntree_sizes=.*", "", parts[0][0])
    body = "".join(f"Tree={number}\n{tree.rstrip()}\n\n\n" for number, tree in enumerate(trees))
    return f"{head}{body}{_END.lstrip()}{models[0].partition(_END)[2]}"


def _divided(line: re.Match[str], by: int) -> str:
    values = " ".join(repr(float(value) / by) for value in line[2].split())
    return f"{line[1]}={values}"
