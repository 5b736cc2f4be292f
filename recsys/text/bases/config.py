"""Settings of the base encoder."""

from typing import Literal, Self

from pydantic import Field, model_validator

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
