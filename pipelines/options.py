"""What can be changed about the text encoder's training, one change at a time: the rows of `recsys bench encoder`."""

from dataclasses import dataclass
from typing import Literal

_STEPLESS = ("finetune.head_steps=0", "finetune.max_steps=0")
_UNLEARNED = (*_STEPLESS, "finetune.agreement=0", "finetune.history_items=1000", "encoder.max_tokens=96")

EVEN_WEIGHTS = "{view=1, click=1, share=1, comment=1, like=1, cart=1, purchase=1, play=1, rating=1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row: the settings as given, with a change.

    Attributes:
        name: of the row, and what `--options` selects it by.
        why: what the change asks, in a few words.
        changes: assignments as after --set, made last.
        needs: what the log must have for the change to be one.
    """

    name: str
    why: str
    changes: tuple[str, ...]
    needs: Literal["impressions", "weights"] | None = None


DEFAULT = Option(name="default", why="the settings as given", changes=())


def _option(name: str, why: str, *changes: str, needs: Literal["impressions", "weights"] | None = None) -> Option:
    return Option(name=name, why=why, changes=changes, needs=needs)


OPTIONS: tuple[Option, ...] = (
    DEFAULT,
    _option(
        "zero-shot",
        "nothing learned: the decayed mean of the history, whitened",
        *_UNLEARNED,
    ),
    _option(
        "zero-shot-centred",
        "the same, centred only",
        *_UNLEARNED,
        "finetune.whitening=false",
    ),
    _option("start", "no step at all", *_STEPLESS),
    _option("every-axis", "training starts with the axes users agree in first, and all others", "finetune.agreement=1"),
    _option("own-axes", "training starts with the encoder's own axes", "finetune.agreement=0"),
    _option("centred", "training starts from centred vectors, not whitened", "finetune.whitening=false"),
    # objectives
    _option("no-logq", "softmax without correction", "finetune.objective.logq=0"),
    _option("full-logq", "softmax with the whole correction", "finetune.objective.logq=1"),
    _option("softmax-only", "no pointwise loss beside it", "finetune.objective.pointwise=0"),
    _option(
        "pointwise-only",
        "cross-entropy of taken or not, alone",
        "finetune.objective.softmax=0",
        "finetune.objective.pointwise=1",
    ),
    _option(
        "pairwise-only",
        "BPR alone",
        "finetune.objective.softmax=0",
        "finetune.objective.pointwise=0",
        "finetune.objective.pairwise=1",
    ),
    _option("softmax-pairwise", "BPR added", "finetune.objective.pairwise=0.5"),
    _option("hard-negatives", "near items that are not taken, in each step", "finetune.hard_negatives=2"),
    _option("uniform-negatives", "items drawn evenly, in each step", "finetune.negatives=256"),
    _option(
        "impressions", "against what was shown and left", "finetune.objective.impressions=0.5", needs="impressions"
    ),
    _option("one-width", "no narrower vectors learn beside the whole", "finetune.objective.dims=[]"),
    _option("even-weights", "every positive event counts 1", f"data.event_weights={EVEN_WEIGHTS}", needs="weights"),
    # what learns
    _option("head-only", "no layer learns", "finetune.max_steps=0"),
    _option("no-head-phase", "layers learn from the first step", "finetune.head_steps=0"),
    _option("top-1", "one layer learns", "finetune.tune=1"),
    _option("top-4", "four layers learn", "finetune.tune=4"),
    _option("all-layers", "every layer learns", "finetune.tune=all"),
    _option("lora", "low-rank updates of every layer", "finetune.tune=lora"),
    _option("pretrained", "masked-language-model training on the shop's text first", "pretrain.steps=200"),
    # the model
    _option("attention-pooling", "a learned query weighs the tokens", "encoder.pooling=attention"),
    _option("first-token", "the first token alone (CLS)", "encoder.pooling=cls"),
    _option(
        "from-scratch", "tokenizer and encoder from the shop's text alone", "encoder.base=scratch", "finetune.tune=all"
    ),
    _option("16-tokens", "half the text", "encoder.max_tokens=16"),
    _option("64-tokens", "twice the text", "encoder.max_tokens=64"),
    _option("short-history", "the latest 10 events of a user", "finetune.history_items=10"),
    _option("long-history", "the latest 200 events of a user", "finetune.history_items=200"),
    # steps
    _option(
        "sgd",
        "momentum in place of AdamW, with rates of its own",
        "finetune.optimiser.name=sgd",
        "finetune.optimiser.layer_rate=0.02",
        "finetune.optimiser.head_rate=0.1",
        "finetune.optimiser.pooling_rate=1",
    ),
    _option("cosine", "cosine decay of the rates", "finetune.optimiser.schedule=cosine"),
    _option("dropout", "a tenth of states and attention dropped", "finetune.dropout=0.1"),
    _option("bf16", "the layers' arithmetic in 16 bits", "finetune.precision=bf16"),
    _option("accumulated", "two draws of users a step", "finetune.accumulate=2"),
    _option("one-target", "one item to be predicted a user and step", "finetune.targets_per_user=1"),
    _option("narrow-steps", "half the tokens a step", "finetune.tokens_per_step=10000"),
    _option("wide-steps", "twice the tokens a step", "finetune.tokens_per_step=40000", "finetune.users_per_step=1024"),
    _option("twice-as-long", "twice the steps", "finetune.head_steps=120", "finetune.max_steps=120"),
)
