"""A small encoder whose head does something, exported."""

from pathlib import Path

import pytest
import torch

from recsys.text.compress.export import export_onnx
from recsys.text.encoder import TransformerEncoder

TEXTS = ("red trowel seed", "", "oven", "garden " * 500, "🎸 שלום guitar", "oven")


def make(base: Path) -> TransformerEncoder:
    encoder = TransformerEncoder.of_base(base, max_tokens=24, pooling="attention")
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in encoder.tower.head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=noise) / 5)
    return encoder


@pytest.fixture(scope="session")
def exported(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TransformerEncoder, Path]:
    encoder, directory = make(base), tmp_path_factory.mktemp("served")
    encoder.tower.train()
    export_onnx(encoder, directory)
    return encoder, directory
