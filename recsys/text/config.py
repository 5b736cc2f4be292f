"""Settings of the text room."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from recsys.data.config import Config

Pooling = Literal["mean", "attention", "cls", "last"]


class ScratchConfig(Config):
    """An encoder that no one has pretrained: its tokenizer comes from the shop's text, its weights from a seed."""

    vocabulary: int = Field(8_000, ge=300, description="Most tokens of the vocabulary, 256 bytes among them.")
    layers: int = Field(4, ge=1, description="Layers.")
    width: int = Field(256, ge=8, description="Width of states and vectors; the attention heads share it.")
    heads: int = Field(4, ge=1, description="Attention heads of a layer.")
    seed: int = Field(0, ge=0, description="Seed of the first weights.")

    @model_validator(mode="after")
    def _shared_evenly(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"expected width as a multiple of heads, got {self.width} and {self.heads}")
        return self


class EncoderConfig(Config):
    """The model that reads item text."""

    base: str = Field(
        "all-MiniLM-L6-v2",
        description="The pretrained encoder: this name, owner/name on the Hugging Face Hub, a folder, or scratch to "
        "train tokenizer and encoder on the shop's text alone.",
    )
    revision: str = Field("main", description="Branch, tag or commit of a base on the hub.")
    pooling: Pooling = Field(
        "mean",
        description="How token states become one vector: attention starts as the mean and is learned; cls is the first "
        "token; last is for decoders.",
    )
    max_tokens: int = Field(32, ge=4, description="Text is cut to this many tokens.")
    scratch: ScratchConfig = ScratchConfig()


class ObjectiveConfig(Config):
    """What the teacher is taught: a sum of losses, each with its weight."""

    softmax: float = Field(1.0, ge=0, description="Weight of the sampled softmax over the step's items.")
    logq: float = Field(
        0.5, ge=0, le=1, description="Strength of the logQ correction: 1 learns popularity in full, 0 leaves it out."
    )
    pointwise: float = Field(0.05, ge=0, description="Weight of the pointwise cross-entropy of taken or not.")
    pairwise: float = Field(0.0, ge=0, description="Weight of the pairwise ranking loss over the step's items (BPR).")
    impressions: float = Field(
        0.0, ge=0, description="Weight of the softmax against what the same user was shown and did not take."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.softmax + self.pointwise + self.pairwise + self.impressions == 0:
            raise ValueError("expected a weight above 0 for softmax, pointwise, pairwise or impressions, all are 0")
        return self


class OptimiserConfig(Config):
    """How weights follow gradients."""

    name: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or stochastic gradient descent with momentum.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Share of the last step that goes on in the next; for sgd.")
    schedule: Literal["linear", "cosine"] = Field(
        "linear", description="How the learning rates fall after the warm-up, to 2 % at the last step."
    )
    layer_rate: float = Field(2e-4, gt=0, description="Learning rate of the layers.")
    head_rate: float = Field(1e-3, gt=0, description="Learning rate of projection and map.")
    pooling_rate: float = Field(1e-2, gt=0, description="Learning rate of query, age bias, scale and calibration.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled decay of the layers' weights.")
    warmup: float = Field(0.1, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")


class ContinualConfig(Config):
    """How a teacher goes on from the last one when newer events have come."""

    start: str = Field(
        "", description="Directory of the last teacher, RUN/teacher, to go on from; empty: start from the base."
    )
    penalty: Literal["none", "distill", "l2sp"] = Field(
        "distill", description="What keeps old knowledge: distill, the last teacher's vectors; l2sp, its weights."
    )
    weight: float = Field(
        5.0, ge=0, description="Weight of the penalty beside the objective; for l2sp, a tenth is a start."
    )
    replay: float = Field(
        0.5, ge=0, lt=1, description="Share of a step's users who get a moment before the last teacher's encoder_end."
    )
    steps: int = Field(40, ge=0, description="Steps of an update, in place of head_steps and max_steps.")


class FinetuneConfig(Config):
    """How the teacher learns from the log."""

    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    continual: ContinualConfig = ContinualConfig()
    tune: Annotated[int, Field(ge=1)] | Literal["all", "lora"] = Field(
        2,
        description="What learns: the top n layers, over cached states below them; all layers; or low-rank updates of "
        "all layers. Word embeddings stay as they are.",
    )
    lora_rank: int = Field(8, ge=1, description="Rank of the low-rank updates.")
    lora_alpha: int = Field(16, ge=1, description="Low-rank updates count lora_alpha / lora_rank times.")
    history_items: int = Field(50, ge=1, description="How many of a user's latest positive events are read.")
    head_steps: int = Field(
        60, ge=0, description="Steps for the projection and the user's pooling alone, before any layer learns."
    )
    max_steps: int = Field(60, ge=0, description="Steps for which the layers learn as well.")
    users_per_step: int = Field(512, ge=1, description="Most users in one step.")
    tokens_per_step: int = Field(
        20_000, ge=1, description="Tokens of distinct texts in one step, the cost of a step; fewer users if needed."
    )
    targets_per_user: int = Field(8, ge=1, description="Most items to be predicted for one user in one step.")
    negatives: int = Field(0, ge=0, description="Texts drawn uniformly into each step beside those of its users.")
    shown_per_user: int = Field(
        8, ge=1, description="Most texts a user was shown and left, the latest, in a step; for objective.impressions."
    )
    hard_negatives: int = Field(
        0, ge=0, description="Texts near each user, not taken by the user, drawn into each step; mined at each look."
    )
    hard_pool: int = Field(50, ge=1, description="How many of the nearest texts hard negatives are drawn from.")
    hard_skip: int = Field(
        10, ge=0, description="How many of the very nearest are left out: they may be what the user takes next."
    )
    evaluate_every: int = Field(20, ge=1, description="Steps between two looks at the validation window.")
    patience: int = Field(4, ge=1, description="Looks without a better nDCG@10 after which training stops.")
    valid_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Last fraction of the positive events before encoder_end: there every third user's events do not "
        "teach but judge, for early stopping and calibration.",
    )
    calibration: Literal["platt", "isotonic"] = Field(
        "platt", description="How a score becomes interest: by a logistic curve, or by a rising one of any form."
    )
    accumulate: int = Field(1, ge=1, description="Draws of users whose gradients are averaged into one step.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of states and attention that learning layers drop.")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="Number format of the layers' arithmetic while they learn; weights stay fp32."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where training computes; auto takes a GPU a worker if there are as many."
    )
    cache_gib: float = Field(
        20.0, ge=0, description="Most GiB on disk for the states below the layers that learn; if more, computed anew."
    )
    threads: int = Field(2, ge=1, description="Threads of one worker; another number may round differently.")
    workers: int = Field(1, ge=1, description="Processes that share the work of each step; they learn what one would.")
    max_failures: int = Field(3, ge=0, description="How often workers that died are started again.")
    seed: int = Field(0, ge=0, description="Seed of the users drawn in each step.")


class DistillConfig(Config):
    """How the student learns from the teacher."""

    layers: int = Field(3, ge=1, description="Layers of the student, copied from the teacher's at even distances.")
    frozen_layers: int = Field(1, ge=0, description="How many of the student's lowest layers stay as copied.")
    max_steps: int = Field(100, ge=0, description="Steps.")
    tokens_per_step: int = Field(4_096, ge=1, description="Tokens of texts in one step, the cost of a step.")
    rate: float = Field(3e-4, gt=0, description="Learning rate.")
    warmup: float = Field(0.05, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    users_per_step: int = Field(64, ge=0, description="Users whose score distributions are matched in one step.")
    scores: float = Field(0.5, ge=0, description="Weight of the score distributions beside the vectors.")
    temperature: float = Field(0.1, gt=0, description="Temperature of the score distributions.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the order of texts and users.")


class HeadConfig(Config):
    """How a task head learns: classes of texts, or tags of words."""

    labels: tuple[str, ...] = Field(
        (), description="The classes, or the types of entities, that there are; those of the file if empty."
    )
    max_tokens: int = Field(128, ge=4, description="Text is cut to this many tokens; sentences go in several parts.")
    pooling: Pooling = Field("attention", description="How token states become one vector of a text to be classified.")
    optimiser: OptimiserConfig = OptimiserConfig()
    tune: Annotated[int, Field(ge=0)] | Literal["all", "lora"] = Field(
        "all", description="What learns beside the head: the top n layers, all of them, or low-rank updates of them."
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the low-rank updates.")
    lora_alpha: int = Field(128, ge=1, description="Low-rank updates count lora_alpha / lora_rank times.")
    epochs: int = Field(4, ge=1, description="Passes over the examples.")
    batch_size: int = Field(32, ge=1, description="Examples in one step.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of the head's inputs left out at random in a step.")
    layer_dropout: float = Field(0.1, ge=0, lt=1, description="Share of states and attention learning layers drop.")
    valid_fraction: float = Field(0.1, gt=0, lt=1, description="Share of the examples, drawn at random, that judge.")
    looks: int = Field(2, ge=1, description="Looks at the judging examples in one pass.")
    patience: int = Field(4, ge=1, description="Looks without a better figure after which training stops.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the first weights, the order of examples and the dropout.")


class PretrainConfig(Config):
    """How the base encoder gets to know the shop's words before it is taught by the log."""

    steps: int = Field(0, ge=0, description="Most steps; 0 leaves the stage out.")
    share: float = Field(0.15, gt=0, lt=1, description="Share of the tokens that are to be guessed.")
    held_out: float = Field(0.1, gt=0, lt=1, description="Share of the texts that do not teach but judge.")
    max_tokens: int = Field(64, ge=4, description="Text is cut to this many tokens.")
    tokens_per_step: int = Field(4_096, ge=1, description="Tokens of texts in one step, the cost of a step.")
    embeddings: Literal["frozen", "learned"] = Field(
        "frozen", description="Whether word and position embeddings learn; they have to where they start at random."
    )
    rate: float = Field(1e-4, gt=0, description="Learning rate of the layers and of embeddings that learn.")
    head_rate: float = Field(1e-3, gt=0, description="Learning rate of the masked-language-model head.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled decay of the layers' weights.")
    warmup: float = Field(0.1, ge=0, le=1, description="Fraction of the steps over which the learning rate rises.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    evaluate_every: int = Field(20, ge=1, description="Steps between two looks at the held-out texts.")
    patience: int = Field(4, ge=1, description="Looks without a lower loss after which training stops.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of a fresh head, the order of texts and the masks.")


class TuningConfig(Config):
    """How prompts learn from answers."""

    tune: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        "all", description="How many of the top layers learn, beside the head."
    )
    epochs: int = Field(1, ge=1, description="Passes over the prompts.")
    tokens_per_step: int = Field(2_048, ge=1, description="Tokens of prompts in one step.")
    rate: float = Field(3e-4, gt=0, description="Learning rate.")


class PromptConfig(Config):
    """How interest is asked for in words."""

    template: str = Field(
        "a customer who bought {history} is interested in {candidate} ? {answer} .",
        description="The question, with {history}, {candidate} and {answer} once each.",
    )
    yes: str = Field("yes", description="The word, one token, that stands for interest.")
    no: str = Field("no", description="The word, one token, that stands for none.")
    history_items: int = Field(4, ge=1, description="How many of the latest titles are read, if there is room.")
    title_tokens: int = Field(16, ge=1, description="A title is cut to this many tokens.")
    max_tokens: int = Field(96, ge=8, description="Longest prompt in tokens.")
    calibration: Literal["none", "contextual"] = Field(
        "none", description="contextual: less the score of the same candidate after a history without content."
    )
    catalogue_pairs: int = Field(
        1500, ge=0, description="Questions made from the catalogue alone that teach first; 0 leaves them out."
    )
    catalogue: TuningConfig = TuningConfig()
    labelled: TuningConfig = TuningConfig(tune=0, rate=2e-4)
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of the questions made from the catalogue and of the order of all.")

    @field_validator("template")
    @classmethod
    def _each_once(cls, template: str) -> str:
        for name in ("{history}", "{candidate}", "{answer}"):
            if template.count(name) != 1:
                raise ValueError(f"expected {name} once, got it {template.count(name)} times in {template!r}")
        return template


class CrossEncoderConfig(Config):
    """How a model that reads history and candidate together learns: strong, slow, and a teacher only."""

    history_items: int = Field(5, ge=1, description="How many of a user's latest positive events are read.")
    title_tokens: int = Field(12, ge=1, description="A text of the history is cut to this many tokens.")
    candidate_tokens: int = Field(24, ge=1, description="A candidate's text is cut to this many tokens.")
    candidates: int = Field(8, ge=2, description="Texts a user is to choose from in a step, the one taken included.")
    hard: int = Field(
        3,
        ge=0,
        description="How many of them are near the user by the two-tower teacher, where one is given; the "
        "others go by popularity.",
    )
    loss: Literal["softmax", "pointwise"] = Field(
        "softmax", description="softmax over a user's candidates, or taken or not for each by itself."
    )
    optimiser: OptimiserConfig = OptimiserConfig(layer_rate=1e-4)
    tune: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        "all", description="What learns beside the head: the top n layers, or all of them."
    )
    users_per_step: int = Field(16, ge=1, description="Users in one step.")
    max_steps: int = Field(100, ge=0, description="Most steps.")
    evaluate_every: int = Field(20, ge=1, description="Steps between two looks at the judging users.")
    judges: int = Field(100, ge=1, description="Most users of the validation window that judge.")
    patience: int = Field(3, ge=1, description="Looks without a lower loss after which training stops.")
    threads: int = Field(2, ge=1, description="Threads; another number may round differently.")
    seed: int = Field(0, ge=0, description="Seed of users and candidates.")
