"""Settings of what is served."""

from typing import Literal

from pydantic import Field

from recsys.data.config import Config

Precision = Literal["fp32", "fp16", "int8-static", "int8-dynamic"]


class CompressConfig(Config):
    """How the student becomes the encoder that is served."""

    dim: int = Field(0, ge=0, description="Numbers of a vector that are kept; 0: all.")
    reduction: Literal["prefix", "pca"] = Field(
        "prefix",
        description="Which numbers are kept: the first, as distill.dims or finetune.objective.dims teaches, or the "
        "first principal components of the texts known before encoder_end.",
    )
    precision: Precision = Field(
        "fp32",
        description="Number format of the graph: fp32; fp16 for GPUs; int8-static, with scales fixed by calibration "
        "texts; int8-dynamic, with scales of each text, which then is read alone.",
    )
    calibration_texts: int = Field(256, ge=1, description="Texts that fix the scales of int8-static.")
    loss_limit: float = Field(
        0.01,
        ge=0,
        description="Mean 1 - cosine to the fp32 vectors above which the matrix products that lose most stay fp32.",
    )
    most_spared: int = Field(
        2, ge=0, description="Most groups of matrix products, those that read the same states, that stay fp32."
    )
