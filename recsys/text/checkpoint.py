"""Where a training stands, in plain files, so that it goes on after any interruption as if there had been none."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recsys.artifacts import atomic_directory
from recsys.errors import ArtifactError
from recsys.text.optimiser import Optimiser

_PARTS = ("last", "best", "optimiser")


class Judgement(Protocol):
    """A training's look at what does not teach: a dataclass of plain values."""

    @property
    def merit(self) -> float:
        """Higher is better."""


L = TypeVar("L", bound=Judgement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Generic[L]):
    """How far a training is.

    Attributes:
        step: steps done.
        looks: the curve so far.
        misses: looks since the best one.
        losses: losses since the last look.
    """

    step: int = 0
    looks: tuple[L, ...] = ()
    misses: int = 0
    losses: tuple[float, ...] = ()

    @property
    def loss(self) -> float | None:
        """Mean loss since the last look; None where there was no step."""
        return sum(self.losses) / len(self.losses) if self.losses else None

    def after(self, loss: float) -> "Standing[L]":
        """One step on."""
        return replace(self, step=self.step + 1, losses=(*self.losses, loss))

    def judged(self, look: L) -> "Standing[L]":
        """With one more look."""
        better = all(look.merit > earlier.merit for earlier in self.looks)
        return replace(self, looks=(*self.looks, look), misses=0 if better else self.misses + 1, losses=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints(Generic[L]):
    """One training's checkpoint in a directory of its own; another `key` than its own is not read.

    Attributes:
        directory: complete or absent.
        key: digest of everything the training depends on.
        look: the class of its looks; None for a training that takes none, and so knows no best weights.
    """

    directory: Path
    key: str
    look: type[L] | None

    def write(self, standing: Standing[L], module: nn.Module, best: dict[str, Tensor], optimiser: Optimiser) -> None:
        """Replace the checkpoint in one step."""
        with atomic_directory(self.directory) as work:
            for name, values in zip(_PARTS, (trained(module), best, optimiser.state()), strict=True):
                save_file(values, work / f"{name}.safetensors")
            (work / "standing.json").write_text(json.dumps({"key": self.key, **asdict(standing)}))

    def read(self, module: nn.Module, optimiser: Optimiser) -> tuple[Standing[L], dict[str, Tensor]] | None:
        """Restore module and optimiser; None, and nothing touched, where there is no checkpoint of this key.

        Raises:
            ArtifactError: a checkpoint of this key whose tensors are not those of the module.
        """
        try:
            body = json.loads((self.directory / "standing.json").read_text())
            last, best, moments = (load_file(self.directory / f"{name}.safetensors") for name in _PARTS)
        except (OSError, ValueError, SafetensorError):
            return None
        if body.pop("key") != self.key:
            return None
        for values in (last,) if self.look is None else (last, best):
            self._check(values, module)
        restore(module, last)
        optimiser.restore(moments)
        told = body.pop("looks")
        looks = () if self.look is None else tuple(self.look(**look) for look in told)
        return Standing(looks=looks, losses=tuple(body.pop("losses")), **body), best

    def _check(self, values: dict[str, Tensor], module: nn.Module) -> None:
        expected = {name: tuple(value.shape) for name, value in trained(module).items()}
        got = {name: tuple(value.shape) for name, value in values.items()}
        for name in sorted(expected.keys() | got.keys()):
            if expected.get(name) != got.get(name):
                raise ArtifactError(
                    f"Expected {name} of shape {expected.get(name, 'none')} in the checkpoint {self.directory}, got "
                    f"{got.get(name, 'none')}: it belongs to another model; delete the folder and train again."
                )


def trained(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters that learn, by name."""
    return {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}


def restore(module: nn.Module, values: dict[str, Tensor]) -> None:
    """Set the named parameters."""
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)
