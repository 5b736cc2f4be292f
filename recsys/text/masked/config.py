"""Settings of masked-language-model training and prompts."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from recsys.data.config import Config


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
